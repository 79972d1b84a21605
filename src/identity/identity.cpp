// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/identity.hpp"

#include <fmt/format.h>

#include <utility>

#include "cluster_hosts.hpp"
#include "cluster_size.hpp"
#include "fluxpod/formats/hostname.hpp"
#include "known_pod.hpp"
#include "misfit.hpp"
#include "platform.hpp"
#include "rank.hpp"
#include "service_address.hpp"

namespace fluxpod {

namespace {

// LeaderWorkerSet tells every pod the lead's address; --hosts and --host-format may differ from it.
Status check_lead(const KnownPod& pod, const PodFacts& facts, const std::string& lead) {
    if (!facts.lws_leader_address || pod.names_are_said()) return {};
    if (first_label(*facts.lws_leader_address) == lead) return {};
    return fail(misfit(
        "find the lead",
        fmt::format("by the hostname {} ({}) it is {}, and LWS_LEADER_ADDRESS is {}",
                    pod.hostname.value, pod.hostname.origin, lead, *facts.lws_leader_address),
        "leave --hostname out, or list the hosts with --hosts"));
}

}  // namespace

std::string Identity::address_suffix() const {
    if (service.empty()) return {};
    return "." + service + "." + namespace_name + ".svc." + cluster_domain;
}

std::string Identity::address_of(std::uint32_t rank_asked) const {
    return hosts.at(rank_asked) + address_suffix();
}

bool needs_reverse_name(const Settings& settings, const PodFacts& facts) {
    const auto& platform = recognise(facts);
    if (!is_plain(platform) || settings.index || settings.all || !settings.hostname.empty()) {
        return false;
    }
    auto listed = read_listed_hosts(settings);
    auto sizes = listed ? find_cluster_sizes(settings, facts, *listed) : fail(listed.error());
    if (!sizes) return false;  // identify says why
    const KnownPod pod{.settings = settings,
                       .platform = platform,
                       .hostname = own_hostname(settings, facts, platform, *listed),
                       .elsewhere = false,
                       .index = std::nullopt,
                       .listed = *listed,
                       .max_size = sizes->max.value};
    if (!pod.names_are_said()) {
        return pod.max_size > 1 && !split_ordinal(pod.hostname.value, platform.others);
    }
    auto hosts = make_cluster_hosts(pod);
    return hosts && !hosts->find(pod.hostname.value);
}

Result<Identity> identify(const Settings& settings, const PodFacts& facts, bool elsewhere) {
    const auto& platform = recognise(facts);
    auto listed = read_listed_hosts(settings);
    if (!listed) return fail(listed.error());
    auto sizes = find_cluster_sizes(settings, facts, *listed);
    if (!sizes) return fail(sizes.error());

    KnownPod pod{.settings = settings,
                 .platform = platform,
                 .hostname = own_hostname(settings, facts, platform, *listed),
                 .elsewhere = means_another_pod(settings, platform, elsewhere),
                 .index = std::nullopt,
                 .listed = *listed,
                 .max_size = sizes->max.value};
    const auto fault = hostname_fault(pod.hostname.value);
    if (fault && !pod.elsewhere) {
        return fail(
            misfit(fmt::format("use hostname \"{}\" ({})", pod.hostname.value, pod.hostname.origin),
                   *fault, "Flux would refuse it; set --hostname or the pod's hostname"));
    }
    auto index = find_pod_index(pod, facts);
    if (!index) return fail(index.error());
    pod.index = *index;
    auto hosts = make_cluster_hosts(pod);
    if (!hosts) return fail(hosts.error());
    auto rank = find_rank(pod, *hosts, sizes->max);
    if (!rank) return fail(rank.error());
    if (auto checked = check_lead(pod, facts, hosts->at(0)); !checked) {
        return fail(checked.error());
    }
    if (auto checked = check_host_names(*hosts); !checked) return fail(checked.error());

    Identity identity{.rank = *rank,
                      .size = sizes->size.value,
                      .min_size = sizes->min.value,
                      .max_size = sizes->max.value,
                      .hostname = hosts->at(*rank),
                      .kernel_hostname = pod.elsewhere ? std::string() : facts.kernel_hostname,
                      .hosts = *hosts,
                      .platform = std::string(platform.name),
                      .index_origin = pod.index ? pod.index->origin : std::string("hostname"),
                      .service = {},
                      .namespace_name = {},
                      .cluster_domain = {}};
    if (auto found = find_service_address(identity, settings, facts); !found)
        return fail(found.error());
    return identity;
}

Identity as_rank(Identity identity, std::uint32_t rank) {
    if (rank == identity.rank) return identity;
    identity.kernel_hostname.clear();
    identity.rank = rank;
    identity.hostname = identity.hosts.at(rank);
    return identity;
}

}  // namespace fluxpod
