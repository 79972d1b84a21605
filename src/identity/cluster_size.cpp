// SPDX-License-Identifier: Apache-2.0
#include "cluster_size.hpp"

#include <fmt/format.h>

#include <utility>

#include "fluxpod/base/text.hpp"
#include "misfit.hpp"

namespace fluxpod {

namespace {

Result<std::optional<SourcedNumber>> read_group_size(const PodFacts& facts) {
    if (!facts.lws_group_size) return std::nullopt;
    auto size = parse_number<std::uint32_t>(*facts.lws_group_size);
    if (!size || *size == 0 || *size > Hostlist::max_in_range) {
        return fail(misfit("read the size of the cluster from LWS_GROUP_SIZE",
                           fmt::format("\"{}\" is not a number from 1 to {}", *facts.lws_group_size,
                                       Hostlist::max_in_range),
                           "the LeaderWorkerSet sets it"));
    }
    return SourcedNumber{*size, "LWS_GROUP_SIZE"};
}

Result<SourcedNumber> find_size(const Settings& settings, const PodFacts& facts,
                                const std::optional<Hostlist>& listed) {
    auto group = read_group_size(facts);
    if (!group) return fail(group.error());
    const SourcedNumber said{settings.size, settings.origin_of("size")};
    if (settings.origins.contains("size")) {
        if (*group && (*group)->value != said.value) {
            return fail(misfit("tell the size of the cluster",
                               fmt::format("size is {} ({}) and LWS_GROUP_SIZE is {}", said.value,
                                           said.origin, (*group)->value),
                               "leave --size out, or change one of them"));
        }
        return said;
    }
    if (*group) return **group;
    if (listed) {
        return SourcedNumber{static_cast<std::uint32_t>(listed->size()),
                             settings.origin_of("hosts")};
    }
    return said;
}

}  // namespace

Result<ClusterSizes> find_cluster_sizes(const Settings& settings, const PodFacts& facts,
                                        const std::optional<Hostlist>& listed) {
    auto size = find_size(settings, facts, listed);
    if (!size) return fail(size.error());
    ClusterSizes sizes{*size, *size, *size};
    if (settings.min_size) sizes.min = {*settings.min_size, settings.origin_of("min-size")};
    const auto in_list = static_cast<std::uint32_t>(listed ? listed->size() : 0);
    if (settings.max_size) {
        sizes.max = {*settings.max_size, settings.origin_of("max-size")};
    } else if (in_list > size->value) {
        sizes.max = {in_list, settings.origin_of("hosts")};
    }

    if (listed && in_list != sizes.max.value) {
        return fail(misfit(
            "give every rank a host",
            fmt::format("hosts ({}) lists {} of them and the max size is {} ({})",
                        settings.origin_of("hosts"), in_list, sizes.max.value, sizes.max.origin),
            "list as many hosts as the cluster may have"));
    }
    if (sizes.min.value > sizes.size.value || sizes.size.value > sizes.max.value) {
        auto error =
            misfit("use these sizes",
                   fmt::format("min size {} ({}), size {} ({}) and max size {} ({}) do not rise",
                               sizes.min.value, sizes.min.origin, sizes.size.value,
                               sizes.size.origin, sizes.max.value, sizes.max.origin),
                   "");
        error.code = ExitCode::settings;
        return fail(std::move(error));
    }
    return sizes;
}

}  // namespace fluxpod
