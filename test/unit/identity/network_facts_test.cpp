// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/network_facts.hpp"

#include <doctest/doctest.h>

#include "network.hpp"
#include "temp_dir.hpp"

using fluxpod::LiveHosts;
using fluxpod::read_network_facts;
using fluxpod::SystemPaths;
using fluxpod::test::interface;
using fluxpod::test::pod_network;
using fluxpod::test::TempDir;

namespace {

constexpr const char* route_head =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
constexpr const char* v6_default =
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fd000000000000000000000000000001 00000400 00000002 00000000 00000003 eth6\n";
constexpr const char* v6_reject =
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n";

// The interface of the default route, as two tables of the kernel say.
std::string default_route(const std::string& route, const std::string& ipv6_route) {
    const TempDir dir;
    SystemPaths paths;
    paths.route = dir.write("route", route);
    paths.ipv6_route = dir.write("ipv6_route", ipv6_route);
    return read_network_facts(paths).default_route;
}

}  // namespace

TEST_CASE("the IPv4 default route with the least metric wins") {
    const std::string table = std::string(route_head) +
                              "eth2\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
                              "eth1\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                              "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    CHECK(default_route(table, v6_default) == "eth1");
}

TEST_CASE("without an IPv4 default route the IPv6 one counts, and a reject route never") {
    CHECK(default_route(route_head, std::string(v6_reject) + v6_default) == "eth6");
    CHECK(default_route(route_head, v6_reject).empty());
    CHECK(default_route(std::string(route_head) +
                            "eth0\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n"
                            "eth1\t00000000\t00000000\t0000\t0\t0\t0\t00000000\t0\t0\t0\n",
                        "")
              .empty());
}

TEST_CASE("half a default, as VPNs route: not a default route") {
    CHECK(default_route("tun0\t00000000\t0\t0001\t0\t0\t0\t00000080\t0\t0\t0\n", "").empty());
}

TEST_CASE("a table of rubbish is a table without a default route") {
    for (const auto* rubbish :
         {"\n\n\n", "a", "eth0 00000000", "eth0 00000000 0 zz 0 0 0 00000000 0 0 0",
          "eth0 00000000 0 0001 0 0 -1 00000000 0 0 0",
          "eth0 00000000 0 0001 0 0 99999999999999999999 00000000 0 0 0",
          "eth0 00000000 0 fffffffffffffffffff 0 0 0 00000000 0 0 0", "\xff\xfe\x01"}) {
        CAPTURE(rubbish);
        CHECK(default_route(rubbish, rubbish).empty());
    }
    CHECK(default_route(std::string(100000, ' '), std::string(1000, '\0')).empty());
}

TEST_CASE("tables that are not there leave the interfaces, among them loopback") {
    SystemPaths paths;
    paths.route = "/nonexistent/route";
    paths.ipv6_route = "/nonexistent/ipv6_route";
    auto network = read_network_facts(paths);
    CHECK(network.default_route.empty());
    for (const auto& each : network.interfaces) {
        for (const auto& own : each.addresses) {
            CHECK_FALSE((own.is_v6() && own.to_v6().is_link_local()));
        }
    }
}

TEST_CASE("own addresses: of all interfaces that are up, or of the hosts file if none was seen") {
    const fluxpod::test::TempDir dir;
    const LiveHosts hosts(dir.write("hosts", "127.0.0.1 fp-1\n10.9.9.9 fp-1\n"));
    auto network = pod_network();
    network.interfaces.push_back(interface("eth1", {"10.250.0.1"}));
    network.interfaces.push_back(interface("down0", {"10.251.0.1"}));
    network.interfaces.back().up = false;
    const auto texts = [](const std::vector<boost::asio::ip::address>& addresses) {
        std::string text;
        for (const auto& each : addresses) text += each.to_string() + " ";
        return text;
    };
    CHECK(texts(own_addresses(network, hosts, "fp-1")) == "10.244.1.4 fd00::4 10.250.0.1 ");
    network = {.interfaces = {}, .default_route = "", .interfaces_fault = "x", .route_fault = ""};
    CHECK(texts(own_addresses(network, hosts, "fp-1")) == "10.9.9.9 ");
}
