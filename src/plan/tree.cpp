// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/tree.hpp"

#include <algorithm>
#include <utility>

namespace fluxpod {

namespace {

// Flux's own choice for "mincrit" (flux-config-tbon(5)): no interior rank while the lead can serve
// everybody itself, else the fewest, and at least two, that leave each with at most this many
// leaves.
constexpr std::uint32_t max_leaves = 1024;

std::uint32_t choose_interior_ranks(std::uint32_t size) {
    if (size <= max_leaves + 1) return 0;
    // size - 1 - k leaves over k ranks: k * max_leaves >= size - 1 - k, rounded up.
    constexpr std::uint32_t served = max_leaves + 1;
    return std::max(2U, (size - 1 + max_leaves) / served);
}

}  // namespace

Tree::Tree(TopologySpec spec, std::uint32_t size, std::vector<std::uint32_t> custom_parents)
    : spec_(spec), size_(size), custom_parents_(std::move(custom_parents)) {
    if (spec_.kind == TopologySpec::Kind::mincrit) {
        interior_ = spec_.k == 0 ? choose_interior_ranks(size) : spec_.k;
    }
}

std::optional<std::uint32_t> Tree::parent_of(std::uint32_t rank) const {
    if (rank == 0) return std::nullopt;
    switch (spec_.kind) {
        case TopologySpec::Kind::kary: return spec_.k == 0 ? 0 : (rank - 1) / spec_.k;
        case TopologySpec::Kind::mincrit:
            // Ranks 1 to k are interior; the leaves are dealt to them in turn.
            return rank <= interior_ || interior_ == 0 ? 0 : (rank - interior_ - 1) % interior_ + 1;
        case TopologySpec::Kind::binomial: return rank & (rank - 1);  // without its lowest bit
        case TopologySpec::Kind::custom:
            return rank < custom_parents_.size() ? custom_parents_[rank] : 0;
        case TopologySpec::Kind::flat: break;
    }
    return 0;
}

std::vector<std::uint32_t> Tree::children_of(std::uint32_t rank) const {
    std::vector<std::uint32_t> children;
    for (std::uint32_t other = 1; other < size_; ++other) {
        if (parent_of(other) == rank) children.push_back(other);
    }
    return children;
}

bool Tree::has_children(std::uint32_t rank) const {
    for (std::uint32_t other = 1; other < size_; ++other) {
        if (parent_of(other) == rank) return true;
    }
    return false;
}

}  // namespace fluxpod
