// SPDX-License-Identifier: Apache-2.0
// The pod's network interfaces and default route, and which of them Flux should bind to.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
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
};

struct NetworkFacts {
    std::vector<Interface> interfaces;  // in the kernel's order, by getifaddrs(3)
    std::string default_route;          // interface of the default route; empty: none
    // Why a list could not be read, in words: "Operation not permitted" where a seccomp profile
    // denies netlink sockets. Empty: it was read, and what it lacks is not there.
    std::string interfaces_fault, route_fault;
};

[[nodiscard]] NetworkFacts read_network_facts(const SystemPaths& paths);

struct BindChoice {
    std::string endpoint;  // for [bootstrap] default_bind: "tcp://eth0:%p", "tcp://[fd00::1]:%p"
    bool ipv6 = false;     // [bootstrap] enable_ipv6 is needed
    std::optional<boost::asio::ip::address> address;  // the address that carries it, if known
    std::string reason;  // "eth0 carries 10.244.1.4, this pod's address in /etc/hosts"
    // Loopback, for want of anything else, and nobody asked for it: no other pod can connect.
    bool only_loopback = false;
};

// This pod's own addresses that other pods can reach: those of all interfaces that are up, or,
// if these could not be listed, those that the hosts file has for the hostname.
[[nodiscard]] std::vector<boost::asio::ip::address> own_addresses(const NetworkFacts& network,
                                                                  const LiveHosts& hosts_file,
                                                                  const std::string& hostname);

// `wanted` is --bind: an interface, an address, all interfaces (*, 0.0.0.0, ::), or empty. Empty
// chooses: the interface that carries the pod's own address (hosts file; its first line decides
// between IPv4 and IPv6), else that of the default route, else the first other one that is up, else
// loopback. An interface with IPv4 is bound by its name, otherwise by its IPv6 address. A wanted
// interface or address that does not exist, is down or has no address is error 10 with the list
// of those that do: Flux itself would notice only on ranks with children.
//
// If the interfaces could not be listed, the pod's address in the hosts file proves that all
// interfaces (*) are more than loopback, and they are bound: ZeroMQ looks at the same list for any
// narrower endpoint and aborts. So a wanted interface or address is error 10 then.
[[nodiscard]] Result<BindChoice> choose_bind(const std::string& wanted, const NetworkFacts& network,
                                             const LiveHosts& hosts_file,
                                             const std::string& hostname);

}  // namespace fluxpod
