// SPDX-License-Identifier: Apache-2.0
#include "parents.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fluxpod/base/or_cause.hpp"
#include "fluxpod/formats/host_ranks.hpp"

namespace fluxpod {

namespace {

using Parents = std::vector<std::uint32_t>;

// One "CHILDREN=PARENT"; the error is the cause in words. `said` marks children with a parent.
OrCause<void> add_parents(std::string_view text, const HostRanks& hosts, Parents& parents,
                          std::vector<bool>& said) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos)
        return tl::unexpected<std::string>("it is not CHILDREN=PARENT");
    auto children = Hostlist::parse(text.substr(0, equals));
    if (!children) return tl::unexpected(children.error());
    auto parent = Hostlist::parse(text.substr(equals + 1));
    if (!parent) return tl::unexpected(parent.error());
    if (children->empty()) return tl::unexpected<std::string>("it names no children");
    if (parent->size() != 1) return tl::unexpected<std::string>("it does not name one parent");

    const auto parent_rank = hosts.find(parent->at(0));
    if (!parent_rank) return tl::unexpected(parent->at(0) + " is not in the host list");
    for (std::size_t i = 0; i < children->size(); ++i) {
        const std::string child = children->at(i);
        const auto rank = hosts.find(child);
        if (!rank) return tl::unexpected(child + " is not in the host list");
        if (*rank == 0) return tl::unexpected(child + " is the lead, which has no parent");
        if (said[*rank] && parents[*rank] != *parent_rank) {
            return tl::unexpected(child + " has another parent already");
        }
        said[*rank] = true;
        parents[*rank] = static_cast<std::uint32_t>(*parent_rank);
    }
    return {};
}

// A rank that is its own ancestor, if any.
std::optional<std::uint32_t> find_cycle(const Parents& parents) {
    std::vector<bool> reaches_lead(parents.size(), false);
    reaches_lead[0] = true;
    for (std::uint32_t start = 1; start < parents.size(); ++start) {
        std::uint32_t rank = start;
        for (std::size_t steps = 0; !reaches_lead[rank]; rank = parents[rank]) {
            if (++steps > parents.size()) return rank;
        }
        for (rank = start; !reaches_lead[rank]; rank = parents[rank]) reaches_lead[rank] = true;
    }
    return std::nullopt;
}

}  // namespace

Result<std::vector<std::uint32_t>> choose_parents(const Settings& settings, const Hostlist& hosts) {
    if (settings.topology.kind != TopologySpec::Kind::custom) return Parents{};
    const std::string hint = "it was set by " + settings.origin_of("parent");
    Parents parents(hosts.size(), 0);
    std::vector<bool> said(hosts.size(), false);
    const HostRanks ranks(hosts);
    for (const auto& text : settings.parents) {
        if (auto added = add_parents(text, ranks, parents, said); !added) {
            return fail({.code = ExitCode::settings,
                         .doing = "use --parent",
                         .subject = text,
                         .cause = added.error(),
                         .hint = hint});
        }
    }
    if (auto rank = find_cycle(parents)) {
        return fail({.code = ExitCode::settings,
                     .doing = "use --parent",
                     .cause = fmt::format("{} is its own ancestor", hosts.at(*rank)),
                     .hint = hint});
    }
    return parents;
}

}  // namespace fluxpod
