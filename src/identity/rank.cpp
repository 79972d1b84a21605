// SPDX-License-Identifier: Apache-2.0
#include "rank.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "misfit.hpp"

namespace fluxpod {

namespace {

// With --hosts, a platform's index may count within one group of several (a JobSet's jobs, a lead
// of another name): the hosts of this hostname's pattern are listed in rising order without a gap,
// from 0, or later for a StatefulSet.
bool counts_within_group(const KnownPod& pod) {
    auto own = split_ordinal(pod.hostname.value, pod.platform.others);
    if (!own || own->ordinal != pod.index->value) return false;
    const bool begins_anywhere = pod.platform.sign == &PodFacts::pod_index_label;
    std::optional<std::uint32_t> next;
    if (!begins_anywhere) next = 0;
    for (const auto& host : pod.listed->expand()) {
        auto other = split_ordinal(host, pod.platform.others);
        if (!other || other->base != own->base) continue;
        if (other->ordinal != next.value_or(other->ordinal)) return false;
        next = other->ordinal + 1;
    }
    return true;
}

// As the kubelet cuts a name to what the kernel takes.
std::string cut_by_kubernetes(const std::string& name) {
    auto cut = name.substr(0, 63);
    return cut.substr(0, cut.find_last_not_of("-.") + 1);
}

Error wrong_hostname(const KnownPod& pod, const std::string& expected,
                     std::optional<std::size_t> position) {
    const auto& [hostname, origin] = pod.hostname;
    const auto doing = fmt::format("take rank {}", pod.index->value);
    const auto index = fmt::format("index {} ({})", pod.index->value, pod.index->origin);
    if (expected.size() > 63 && hostname == cut_by_kubernetes(expected)) {
        return misfit(doing,
                      fmt::format("{} is {}, {} characters long, and Kubernetes cut the hostname "
                                  "at 63: {} ({})",
                                  index, expected, expected.size(), hostname, origin),
                      "choose a shorter name for the cluster");
    }
    if (position) {
        return misfit(doing,
                      fmt::format("{} is host {}, but hostname {} ({}) is the host of rank {}",
                                  index, expected, hostname, origin, *position),
                      "Flux goes by the hostname, so correct the one that is wrong");
    }
    return misfit(
        doing,
        fmt::format("{} is host {}, but hostname is {} ({})", index, expected, hostname, origin),
        "set --hostname, or say how hosts are called: --cluster-name, --host-format or "
        "--hosts");
}

Error no_place(const KnownPod& pod, const Hostlist& hosts) {
    const auto own = fmt::format("hostname {} ({})", pod.hostname.value, pod.hostname.origin);
    if (pod.names_are_said() || split_ordinal(pod.hostname.value, pod.platform.others)) {
        auto list = hosts.encode();
        if (list.size() > 200) list = list.substr(0, 200) + "...";
        return misfit("find the rank of this pod", fmt::format("{} is not among {}", own, list),
                      "set --hostname, or say how hosts are called: --cluster-name, --host-format "
                      "or --hosts");
    }
    return misfit("find the rank of this pod",
                  fmt::format("no index is given and {} does not end in an ordinal", own),
                  "give --index or FLUXPOD_INDEX, or list the hosts with --hosts");
}

Error outside(const KnownPod& pod, const SourcedNumber& max_size) {
    return misfit(
        "take a rank",
        fmt::format("index {} ({}) is outside 0..{}, max size is {} ({})", pod.index->value,
                    pod.index->origin, max_size.value - 1, max_size.value, max_size.origin),
        is_plain(pod.platform) && max_size.origin == "default"
            ? "give --size, or for one pod --hosts with its hostname"
            : "let the size say how many pods there may be");
}

}  // namespace

Result<std::uint32_t> find_rank(const KnownPod& pod, const Hostlist& hosts,
                                const SourcedNumber& max_size) {
    const auto position = hosts.find(pod.hostname.value);
    if (!pod.index) {
        if (!position) return fail(no_place(pod, hosts));
        return static_cast<std::uint32_t>(*position);
    }
    const auto index = pod.index->value;
    const bool in_range = index < hosts.size();
    if (in_range && (pod.elsewhere || position == index)) return index;

    const bool may_be_in_group = pod.listed && !pod.settings.index && position;
    if (may_be_in_group && counts_within_group(pod)) return static_cast<std::uint32_t>(*position);
    return fail(in_range ? wrong_hostname(pod, hosts.at(index), position) : outside(pod, max_size));
}

}  // namespace fluxpod
