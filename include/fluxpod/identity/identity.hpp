// SPDX-License-Identifier: Apache-2.0
// Who this pod is in the cluster: rank, role, and everybody's names. Pure.
//
// Flux takes the rank from the position of the broker's own hostname in the host list and from
// nothing else; so an index that disagrees with that position would silently become another rank,
// and is refused here with both values (error 11).
#pragma once

#include <cstdint>
#include <string>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/identity/pod_facts.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

struct Identity {
    std::uint32_t rank = 0;
    std::uint32_t size = 1;      // pods that are expected now
    std::uint32_t min_size = 1;  // Flux's quorum
    std::uint32_t max_size = 1;  // hosts in the list
    std::string hostname;        // as it stands in the host list
    // gethostname(2), what Flux would take itself for; the plan says otherwise where they differ.
    // Empty: not known (another pod's, see as_rank), taken for equal.
    std::string kernel_hostname;
    Hostlist hosts;              // position = rank, 0..max_size-1
    std::string platform;  // "Indexed Job", "LeaderWorkerSet", ...: which convention was followed
    std::string index_origin;  // "JOB_COMPLETION_INDEX", "flag --index", "hostname"
    std::string service;       // headless service; empty: names are used as they are
    std::string namespace_name;
    std::string cluster_domain;

    [[nodiscard]] bool is_lead() const { return rank == 0; }
    // "HOST.SERVICE.NAMESPACE.svc.DOMAIN", or HOST alone without a service.
    [[nodiscard]] std::string address_of(std::uint32_t rank_asked) const;
    // The part behind the host: ".SERVICE.NAMESPACE.svc.DOMAIN", or nothing.
    [[nodiscard]] std::string address_suffix() const;
};

// True where neither settings, environment, labels nor the hostname tell an index, so that only the
// reverse name of the pod's own address (docker compose replicas) can.
[[nodiscard]] bool needs_reverse_name(const Settings& settings, const PodFacts& facts);

// Index: flag, FLUXPOD_INDEX, JOB_COMPLETION_INDEX, LWS_WORKER_INDEX, MPIJob role and ordinal,
// pod-index label, ordinal of the hostname, reverse name. Names: --hosts, --host-format, else the
// platform's convention (flux-facts section 5). Without index and ordinal, a cluster of one is rank
// 0. A name that Flux would refuse (underscore, 64 characters) is error 11.
[[nodiscard]] Result<Identity> identify(const Settings& settings, const PodFacts& facts);

// For `render --index` and `--all`: the identity that another pod of the same cluster has.
[[nodiscard]] Identity as_rank(Identity identity, std::uint32_t rank);

}  // namespace fluxpod
