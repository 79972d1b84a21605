// SPDX-License-Identifier: Apache-2.0
// What Flux's broker should bind to: one interface or address of the pod, or all of them.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>

#include "fluxpod/base/error.hpp"
#include "fluxpod/identity/network_facts.hpp"

namespace fluxpod {

struct BindChoice {
    std::string endpoint;  // for [bootstrap] default_bind: "tcp://eth0:%p", "tcp://[fd00::1]:%p"
    bool ipv6 = false;     // [bootstrap] enable_ipv6 is needed
    std::optional<boost::asio::ip::address> address;  // the address that carries it, if known
    std::string reason;  // "eth0 carries 10.244.1.4, this pod's address in /etc/hosts"
    // Loopback, for want of anything else, and nobody asked for it: no other pod can connect.
    bool only_loopback = false;
};

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
