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
    Hostlist hosts;        // position = rank, 0..max_size-1
    std::string platform;  // "Indexed Job", "LeaderWorkerSet", ...: which convention was followed
    std::string index_origin;  // "JOB_COMPLETION_INDEX", "flag --index", "hostname"
    std::string service;       // headless service; empty: names are used as they are
    std::string namespace_name;
    std::string cluster_domain;

    [[nodiscard]] bool is_lead() const { return rank == 0; }
    // "HOST.SERVICE.NAMESPACE.svc.DOMAIN", or HOST alone without a service.
    [[nodiscard]] std::string address_of(std::uint32_t rank_asked) const;
    // The part after the host: ".SERVICE.NAMESPACE.svc.DOMAIN", or empty.
    [[nodiscard]] std::string address_suffix() const;
};

// Returns true if neither settings, environment, labels nor the hostname name a rank, so that only
// the reverse name of the pod's own address (docker compose replicas) can. A cluster of one needs
// none.
[[nodiscard]] bool needs_reverse_name(const Settings& settings, const PodFacts& facts);

// Sizes: --size, else LWS_GROUP_SIZE, else the length of --hosts, else 1. The max size is at least
// the length of --hosts, and a list of another length is refused; quorum is the size by default.
//
// Index: --index or FLUXPOD_INDEX (whichever origin, it overrides the platform's), else what the
// platform tells: src/identity/platform.cpp is the table. Names: --hosts, --host-format (%n cluster
// name, %i index, %% percent), else the platform's. The cluster's name is by default what the
// hostname has without the platform's ending. Without --hosts and --host-format an ordinal is
// decimal without leading zeros.
//
// The hostname is --hostname, else a compose replica's reverse name, else the kernel's; its first
// label, or the whole of it where --hosts has it so. The rank is its position among the names,
// and an index that is known must agree. With --hosts, a platform's index may instead count within
// the hostname's group, if the list names that group in order ("js-lead-0-0,js-work-0-[0-3]").
// Without index and ordinal, a cluster of one is rank 0 under whatever hostname it has.
//
// `elsewhere` is for render: with --index or --all the pod that is meant need not be this one. If
// no platform's variable says that this is a pod, and --hostname is not given, then the hostname
// follows from the index (--all: 0) and the kernel's counts only for the default cluster name.
//
// Error 11 if facts do not fit together or Flux would refuse a name (underscore, a label of 64
// characters), with both values and their origins; error 10 for a setting that is wrong by itself.
[[nodiscard]] Result<Identity> identify(const Settings& settings, const PodFacts& facts,
                                        bool elsewhere = false);

// For `render --index` and `--all`: the identity that another pod of the same cluster has.
// rank < max_size.
[[nodiscard]] Identity as_rank(Identity identity, std::uint32_t rank);

}  // namespace fluxpod
