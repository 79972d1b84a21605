// SPDX-License-Identifier: Apache-2.0
// The network of a pod as a value.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "fluxpod/identity/network_facts.hpp"

namespace fluxpod::test {

inline Interface interface(const std::string& name, const std::vector<std::string>& addresses) {
    Interface made{.name = name, .up = true, .loopback = name == "lo", .addresses = {}};
    for (const auto& each : addresses)
        made.addresses.push_back(boost::asio::ip::make_address(each));
    return made;
}

// A pod as Kubernetes makes it.
inline NetworkFacts pod_network() {
    return {.interfaces = {interface("lo", {"127.0.0.1", "::1"}),
                           interface("eth0", {"10.244.1.4", "fd00::4"})},
            .default_route = "eth0",
            .interfaces_fault = {},
            .route_fault = {}};
}

}  // namespace fluxpod::test
