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
};

[[nodiscard]] NetworkFacts read_network_facts(const SystemPaths& paths);

struct BindChoice {
    std::string endpoint;  // for [bootstrap] default_bind: "tcp://eth0:%p", "tcp://[fd00::1]:%p"
    bool ipv6 = false;     // [bootstrap] enable_ipv6 is needed
    std::optional<boost::asio::ip::address> address;  // the address that carries it
    std::string reason;  // "eth0 carries 10.244.1.4, this pod's address in /etc/hosts"
};

// `wanted` is --bind: an interface, an address, all interfaces (*, 0.0.0.0, ::), or empty. Empty
// chooses: the interface that carries the pod's own address (hosts file; its first line decides
// between IPv4 and IPv6), else that of the default route, else the first other one that is up, else
// loopback. An interface with IPv4 is bound by its name, otherwise by its IPv6 address. A wanted
// interface or address that does not exist, is down or has no address is error 10 with the list
// of those that do: Flux itself would notice only on ranks with children.
[[nodiscard]] Result<BindChoice> choose_bind(const std::string& wanted, const NetworkFacts& network,
                                             const HostsFile& hosts_file,
                                             const std::string& hostname);

}  // namespace fluxpod
