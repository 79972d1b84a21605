// SPDX-License-Identifier: Apache-2.0
// Flux's tree based overlay network: who is whose parent (flux-core overlay/topology.c). Pure
// arithmetic; a test compares the parent of every rank with flux-core's rules.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

class Tree {
  public:
    Tree() = default;  // of nobody
    // `custom_parents`: for topology custom, the parent of each rank (entry 0 unused); a rank
    // without one hangs under 0.
    Tree(TopologySpec spec, std::uint32_t size, std::vector<std::uint32_t> custom_parents = {});

    [[nodiscard]] const TopologySpec& spec() const { return spec_; }  // as in broker.toml
    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] std::optional<std::uint32_t> parent_of(
        std::uint32_t rank) const;  // nothing for rank 0
    [[nodiscard]] std::vector<std::uint32_t> children_of(std::uint32_t rank) const;
    [[nodiscard]] bool has_children(std::uint32_t rank) const;

  private:
    TopologySpec spec_;
    std::uint32_t interior_ = 0;  // of mincrit: ranks 1 to this one have children
    std::uint32_t size_ = 0;
    std::vector<std::uint32_t> custom_parents_;
};

}  // namespace fluxpod
