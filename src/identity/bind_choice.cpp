// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/bind_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

// The address that a bind by the interface's name reaches: ZeroMQ takes the first IPv4 one.
address main_address(const Interface& interface) {
    auto v4 = std::ranges::find_if(interface.addresses, [](const address& a) { return a.is_v4(); });
    return v4 == interface.addresses.end() ? interface.addresses.front() : *v4;
}

BindChoice bind_to_address(const address& own, std::string reason) {
    const auto host = own.is_v6() ? "[" + own.to_string() + "]" : own.to_string();
    return {.endpoint = fmt::format("tcp://{}:%p", host),
            .ipv6 = own.is_v6(),
            .address = own,
            .reason = std::move(reason)};
}

// By name where that means IPv4. With IPv6 a name may mean a link-local address, so there it is the
// address itself.
BindChoice bind_to_interface(const Interface& interface, std::string reason) {
    const auto own = main_address(interface);
    if (own.is_v6()) return bind_to_address(own, std::move(reason));
    return {.endpoint = fmt::format("tcp://{}:%p", interface.name),
            .ipv6 = false,
            .address = own,
            .reason = std::move(reason)};
}

const Interface* carrier_of(const NetworkFacts& network, const address& wanted) {
    for (const auto& interface : network.interfaces) {
        if (interface.up &&
            std::ranges::find(interface.addresses, wanted) != interface.addresses.end()) {
            return &interface;
        }
    }
    return nullptr;
}

// The first address of the pod in its hosts file that it really has. Kubernetes writes the primary
// family first; the 127.0.1.1 of an ordinary machine is not an address that peers could reach.
std::optional<BindChoice> choose_own_address(const NetworkFacts& network,
                                             const LiveHosts& hosts_file,
                                             const std::string& hostname) {
    for (const auto& own : hosts_file.addresses_of(hostname)) {
        const auto* interface = carrier_of(network, own);
        if (interface == nullptr || interface->loopback) continue;
        auto reason = fmt::format("{} carries {}, this pod's address in /etc/hosts",
                                  interface->name, own.to_string());
        if (own == main_address(*interface)) return bind_to_interface(*interface, reason);
        return bind_to_address(own, reason);
    }
    return std::nullopt;
}

std::string not_listed(const NetworkFacts& network) {
    return "the interfaces cannot be listed: " + network.interfaces_fault;
}

BindChoice choose_unseen(const NetworkFacts& network, const LiveHosts& hosts_file,
                         const std::string& hostname) {
    const auto own = own_addresses(network, hosts_file, hostname);
    if (own.empty()) {
        auto loopback = bind_to_address(
            address_v4::loopback(),
            fmt::format("{}, and /etc/hosts has no address of {}", not_listed(network), hostname));
        loopback.only_loopback = true;
        return loopback;
    }
    return {.endpoint = "tcp://*:%p",
            .ipv6 = own.front().is_v6(),
            .address = std::nullopt,
            .reason = fmt::format("all interfaces: {} is this pod's address in /etc/hosts, and {}",
                                  own.front().to_string(), not_listed(network))};
}

BindChoice choose_freely(const NetworkFacts& network, const LiveHosts& hosts_file,
                         const std::string& hostname) {
    if (!network.interfaces_fault.empty()) return choose_unseen(network, hosts_file, hostname);
    if (auto own = choose_own_address(network, hosts_file, hostname)) return *own;
    for (const auto& interface : network.interfaces) {
        if (interface.name == network.default_route && interface.serves()) {
            return bind_to_interface(interface,
                                     interface.name + " is the interface of the default route");
        }
    }
    for (const auto& interface : network.interfaces) {
        if (interface.serves()) {
            const std::string no_route = network.route_fault.empty()
                                             ? "there is no default route"
                                             : "cannot read " + network.route_fault;
            return bind_to_interface(
                interface, interface.name + " is the first interface that is up; " + no_route);
        }
    }
    auto loopback = bind_to_address(address_v4::loopback(), "no interface but loopback is up");
    loopback.only_loopback = true;
    return loopback;
}

BindChoice bind_to_all(const std::string& wanted, const NetworkFacts& network, BindChoice chosen) {
    chosen.endpoint = "tcp://*:%p";
    chosen.ipv6 = chosen.ipv6 || wanted.find(':') != std::string::npos;
    chosen.reason = "all interfaces, as asked for";
    chosen.only_loopback = false;
    if (!network.interfaces_fault.empty()) chosen.address.reset();
    return chosen;
}

std::string list_interfaces(const NetworkFacts& network) {
    std::vector<std::string> lines;
    for (const auto& interface : network.interfaces) {
        std::vector<std::string> texts;
        for (const auto& own : interface.addresses) texts.push_back(own.to_string());
        if (!interface.up) texts.emplace_back("down");
        lines.push_back(fmt::format("{} ({})", interface.name,
                                    texts.empty() ? "no address" : join(texts, " ")));
    }
    return lines.empty() ? "this pod has none" : "this pod has " + join(lines, ", ");
}

tl::unexpected<Error> cannot_bind(const std::string& wanted, std::string cause,
                                  const NetworkFacts& network) {
    return fail({.code = ExitCode::settings,
                 .doing = "bind the broker to",
                 .subject = wanted,
                 .cause = std::move(cause),
                 .hint = list_interfaces(network)});
}

std::optional<address> parse_address(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    boost::system::error_code error;
    auto parsed = boost::asio::ip::make_address(std::string(text), error);
    if (error) return std::nullopt;
    return parsed;
}

}  // namespace

Result<BindChoice> choose_bind(const std::string& wanted, const NetworkFacts& network,
                               const LiveHosts& hosts_file, const std::string& hostname) {
    auto chosen = choose_freely(network, hosts_file, hostname);
    if (wanted.empty()) return chosen;

    const auto wanted_address = parse_address(wanted);
    if (wanted == "*" || (wanted_address && wanted_address->is_unspecified())) {
        return bind_to_all(wanted, network, std::move(chosen));
    }
    if (!network.interfaces_fault.empty()) {
        return fail({.code = ExitCode::settings,
                     .doing = "bind the broker to",
                     .subject = wanted,
                     .cause = not_listed(network),
                     .hint = "ZeroMQ needs that list and would abort: use --bind '*', or allow "
                             "netlink sockets in this pod's seccomp profile"});
    }
    if (wanted_address) {
        if (carrier_of(network, *wanted_address) == nullptr) {
            return cannot_bind(wanted, "no interface that is up has this address", network);
        }
        return bind_to_address(*wanted_address, "as asked for");
    }
    auto interface = std::ranges::find(network.interfaces, wanted, &Interface::name);
    if (interface == network.interfaces.end()) {
        return cannot_bind(wanted, "there is no such interface", network);
    }
    if (!interface->up) return cannot_bind(wanted, "the interface is down", network);
    if (interface->addresses.empty()) {
        return cannot_bind(wanted, "the interface has no address", network);
    }
    return bind_to_interface(*interface, "as asked for");
}

}  // namespace fluxpod
