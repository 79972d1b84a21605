// SPDX-License-Identifier: Apache-2.0
// A small cluster "fp" as identity and the network would hand it to the plan.
#pragma once

#include <cstdint>
#include <string>

#include "fluxpod/identity/bind_choice.hpp"
#include "fluxpod/identity/identity.hpp"
#include "fluxpod/node/node_rule.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod::test {

inline Identity sample_identity(std::uint32_t rank, std::uint32_t size) {
    Identity identity;
    identity.rank = rank;
    identity.size = identity.min_size = identity.max_size = size;
    identity.hosts.append_range("fp-", 0, size - 1, 0, "");
    identity.hostname = identity.hosts.at(rank);
    identity.kernel_hostname = identity.hostname;
    identity.platform = "Indexed Job";
    identity.index_origin = "JOB_COMPLETION_INDEX";
    identity.service = "flux";
    identity.namespace_name = "default";
    identity.cluster_domain = "cluster.local";
    return identity;
}

inline BindChoice sample_bind() {
    return {.endpoint = "tcp://eth0:%p",
            .ipv6 = false,
            .address = {},
            .reason = "eth0 carries 10.244.1.4, this pod's address in the hosts file"};
}

// A node whose cores have one CPU each, all of them this pod's.
inline NodeShare sample_node(std::uint32_t cores) {
    NodeShare node;
    NodeShape& shape = node.shape;
    shape.cores = shape.pus = shape.complete_cores = shape.complete_pus = cores;
    for (std::uint32_t cpu = 0; cpu < cores; ++cpu)
        shape.counted.push_back({.cpus = Idset::range(cpu, cpu), .package = 0});
    node.judgement.reason = "Flux counts the whole node";
    return node;
}

inline Settings sample_settings(const std::string& root = "/run/fluxpod") {
    Settings settings;
    settings.root = root;
    settings.curve_cert = "/etc/curve/curve.cert";
    settings.origins["curve-cert"] = "flag --curve-cert";
    // Its files are tested in test/unit/files/node_check_test.cpp.
    settings.node_check = false;
    return settings;
}

}  // namespace fluxpod::test
