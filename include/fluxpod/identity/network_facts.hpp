// SPDX-License-Identifier: Apache-2.0
// The pod's network interfaces, their addresses and the default route.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/identity/pod_facts.hpp"

namespace fluxpod {

struct Interface {
    std::string name;
    bool up = false;
    bool loopback = false;
    std::vector<boost::asio::ip::address> addresses;  // link-local IPv6 left out

    // Whether other pods can reach it.
    [[nodiscard]] bool serves() const { return up && !loopback && !addresses.empty(); }
};

struct NetworkFacts {
    std::vector<Interface> interfaces;  // in the kernel's order, by getifaddrs(3)
    std::string default_route;          // interface of the default route; empty: none
    // Why a list could not be read, in words: "Operation not permitted" where a seccomp profile
    // denies netlink sockets. Empty: it was read, and what it lacks is not there.
    std::string interfaces_fault, route_fault;
};

[[nodiscard]] NetworkFacts read_network_facts(const SystemPaths& paths);

// This pod's own addresses that other pods can reach: those of all interfaces that are up, or,
// if these could not be listed, those that the hosts file has for the hostname.
[[nodiscard]] std::vector<boost::asio::ip::address> own_addresses(const NetworkFacts& network,
                                                                  const LiveHosts& hosts_file,
                                                                  const std::string& hostname);

}  // namespace fluxpod
