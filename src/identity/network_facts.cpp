// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/network_facts.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/base/watched_file.hpp"

namespace fluxpod {

namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

// ---- The interfaces

std::optional<address> address_in(const sockaddr* socket_address) {
    if (socket_address == nullptr) return std::nullopt;
    if (socket_address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, socket_address, sizeof v4);
        return address_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (socket_address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, socket_address, sizeof v6);
        address_v6::bytes_type bytes{};
        std::memcpy(bytes.data(), v6.sin6_addr.s6_addr, bytes.size());
        return address_v6(bytes);
    }
    return std::nullopt;
}

bool is_link_local(const address& of) { return of.is_v6() && of.to_v6().is_link_local(); }

// One entry per interface: getifaddrs(3) has one per address.
void add(std::vector<Interface>& interfaces, const ifaddrs& entry) {
    auto found = std::ranges::find(interfaces, entry.ifa_name, &Interface::name);
    if (found == interfaces.end()) {
        interfaces.push_back({.name = entry.ifa_name,
                              .up = (entry.ifa_flags & IFF_UP) != 0,
                              .loopback = (entry.ifa_flags & IFF_LOOPBACK) != 0,
                              .addresses = {}});
        found = std::prev(interfaces.end());
    }
    auto own = address_in(entry.ifa_addr);
    if (own && !is_link_local(*own)) found->addresses.push_back(*own);
}

FileResult<std::vector<Interface>> read_interfaces() {
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) {
        const int number = errno;
        return tl::unexpected<FileFailure>({number, describe_errno(number)});
    }
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, &::freeifaddrs);
    std::vector<Interface> interfaces;
    for (const auto* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
        add(interfaces, *entry);
    }
    return interfaces;
}

// ---- The default route

std::optional<std::uint32_t> parse_hex(std::string_view text) {
    std::uint32_t value = 0;
    const char* end = text.data() + text.size();
    auto [last, error] = std::from_chars(text.data(), end, value, 16);
    if (text.empty() || error != std::errc{} || last != end) return std::nullopt;
    return value;
}

bool is_zero(std::string_view hex) {
    return !hex.empty() && hex.find_first_not_of('0') == std::string_view::npos;
}

// One line of the kernel's table, as far as a default route needs it.
struct Route {
    std::string interface;
    std::uint32_t metric;
};

bool usable(std::optional<std::uint32_t> flags) {
    return flags && (*flags & RTF_UP) != 0 && (*flags & RTF_REJECT) == 0;
}

// Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT; hex except the metric.
std::optional<Route> default_route_v4(const std::vector<std::string>& fields) {
    if (fields.size() < 8 || !is_zero(fields[1]) || !is_zero(fields[7])) return std::nullopt;
    auto metric = parse_number<std::uint32_t>(fields[6]);
    if (!metric || !usable(parse_hex(fields[3]))) return std::nullopt;
    return Route{fields[0], *metric};
}

// Destination, its length, source, its length, next hop, metric, references, use, flags, interface.
std::optional<Route> default_route_v6(const std::vector<std::string>& fields) {
    if (fields.size() != 10 || !is_zero(fields[0]) || !is_zero(fields[1])) return std::nullopt;
    auto metric = parse_hex(fields[5]);
    if (!metric || !usable(parse_hex(fields[8]))) return std::nullopt;
    return Route{fields[9], *metric};
}

// Returns the interface of the default route with the least metric; empty: there is none. A
// router's table may be long. A table that is not there belongs to a family that the kernel lacks.
template <class Parse>
std::string read_default_route(const std::string& path, Parse parse, std::string& fault) {
    std::optional<Route> best;
    const auto read = WatchedFile(path).read_lines([&](std::string_view lines) {
        for (const auto& line : split(lines, '\n')) {
            auto route = parse(split_words(line));
            if (route && (!best || route->metric < best->metric)) best = std::move(route);
        }
    });
    if (!read && read.error().error_number != ENOENT) fault = path + ": " + read.error().cause;
    return best ? best->interface : std::string();
}

}  // namespace

NetworkFacts read_network_facts(const SystemPaths& paths) {
    NetworkFacts network;
    auto interfaces = read_interfaces();
    if (interfaces) {
        network.interfaces = std::move(*interfaces);
    } else {
        network.interfaces_fault = interfaces.error().cause;
    }
    network.default_route = read_default_route(paths.route, default_route_v4, network.route_fault);
    if (network.default_route.empty()) {
        network.default_route =
            read_default_route(paths.ipv6_route, default_route_v6, network.route_fault);
    }
    return network;
}

std::vector<address> own_addresses(const NetworkFacts& network, const LiveHosts& hosts_file,
                                   const std::string& hostname) {
    std::vector<address> addresses;
    const auto add_all = [&addresses](const std::vector<address>& more) {
        for (const auto& each : more) {
            if (!each.is_loopback() && !is_link_local(each)) addresses.push_back(each);
        }
    };
    if (!network.interfaces_fault.empty()) add_all(hosts_file.addresses_of(hostname));
    for (const auto& interface : network.interfaces) {
        if (interface.serves()) add_all(interface.addresses);
    }
    return addresses;
}

}  // namespace fluxpod
