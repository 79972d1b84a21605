// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/network_facts.hpp"

#include <doctest/doctest.h>

#include "temp_dir.hpp"

using boost::asio::ip::address;
using boost::asio::ip::make_address;
using fluxpod::BindChoice;
using fluxpod::choose_bind;
using fluxpod::ExitCode;
using fluxpod::Interface;
using fluxpod::LiveHosts;
using fluxpod::NetworkFacts;
using fluxpod::read_network_facts;
using fluxpod::SystemPaths;
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

Interface interface(const std::string& name, const std::vector<std::string>& addresses) {
    Interface made{.name = name, .up = true, .loopback = name == "lo", .addresses = {}};
    for (const auto& each : addresses) made.addresses.push_back(make_address(each));
    return made;
}

// A pod as Kubernetes makes it.
NetworkFacts pod_network() {
    return {.interfaces = {interface("lo", {"127.0.0.1", "::1"}),
                           interface("eth0", {"10.244.1.4", "fd00::4"})},
            .default_route = "eth0",
            .interfaces_fault = {},
            .route_fault = {}};
}

BindChoice chosen(const std::string& wanted, const NetworkFacts& network,
                  const std::string& hosts = "") {
    const fluxpod::test::TempDir dir;
    auto choice = choose_bind(wanted, network, LiveHosts(dir.write("hosts", hosts)), "fp-1");
    REQUIRE_MESSAGE(choice, (choice ? "" : choice.error().message()));
    return *choice;
}

std::string refusal(const std::string& wanted, const NetworkFacts& network) {
    auto choice = choose_bind(wanted, network, LiveHosts(), "fp-1");
    REQUIRE_FALSE(choice);
    CHECK(choice.error().code == ExitCode::settings);
    return choice.error().message();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
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

TEST_CASE("the interface that carries the pod's own address comes before the default route") {
    auto network = pod_network();
    network.interfaces.push_back(interface("net1", {"192.168.7.2"}));
    auto choice = chosen("", network, "192.168.7.2 fp-1.flux-service.ns.svc.cluster.local fp-1\n");
    CHECK(choice.endpoint == "tcp://net1:%p");
    CHECK_FALSE(choice.ipv6);
    CHECK(choice.address == make_address("192.168.7.2"));
    CHECK(choice.reason == "net1 carries 192.168.7.2, this pod's address in /etc/hosts");
}

TEST_CASE("a pod's address that its interface's name does not mean is bound by itself") {
    NetworkFacts network{.interfaces = {interface("eth0", {"10.0.0.1", "10.0.0.2"})},
                         .default_route = "eth0",
                         .interfaces_fault = {},
                         .route_fault = {}};
    CHECK(chosen("", network, "10.0.0.2 fp-1\n").endpoint == "tcp://10.0.0.2:%p");
}

TEST_CASE("a loopback or foreign address in the hosts file is not the pod's") {
    auto network = pod_network();
    network.interfaces.front().addresses.push_back(make_address("127.0.1.1"));
    auto choice = chosen("", network, "127.0.1.1 fp-1\n10.9.9.9 fp-1\n");
    CHECK(choice.endpoint == "tcp://eth0:%p");
    CHECK(contains(choice.reason, "default route"));
}

TEST_CASE("without a default route the first other interface that is up is taken") {
    NetworkFacts network{
        .interfaces = {interface("lo", {"127.0.0.1"}), interface("eth0", {}),
                       interface("eth1", {"10.0.0.1"}), interface("eth2", {"10.0.1.1"})},
        .default_route = "",
        .interfaces_fault = {},
        .route_fault = {}};
    CHECK(chosen("", network).endpoint == "tcp://eth1:%p");
    network.interfaces[2].up = false;
    CHECK(chosen("", network).endpoint == "tcp://eth2:%p");
    network.default_route = "eth9";
    CHECK(chosen("", network).endpoint == "tcp://eth2:%p");
}

TEST_CASE("with nothing but loopback the broker is bound there") {
    NetworkFacts network{.interfaces = {interface("lo", {"127.0.0.1"})},
                         .default_route = "",
                         .interfaces_fault = {},
                         .route_fault = {}};
    CHECK(chosen("", network).endpoint == "tcp://127.0.0.1:%p");
    CHECK(chosen("", NetworkFacts{}).endpoint == "tcp://127.0.0.1:%p");
}

TEST_CASE("an IPv6-only pod is bound by its address, in brackets, with IPv6 enabled") {
    NetworkFacts network{
        .interfaces = {interface("lo", {"127.0.0.1", "::1"}), interface("eth0", {"fd00::4"})},
        .default_route = "eth0",
        .interfaces_fault = {},
        .route_fault = {}};
    for (const auto& choice :
         {chosen("", network), chosen("eth0", network), chosen("", network, "fd00::4 fp-1\n"),
          chosen("fd00::4", network), chosen("[fd00::4]", network)}) {
        CHECK(choice.endpoint == "tcp://[fd00::4]:%p");
        CHECK(choice.ipv6);
        CHECK(choice.address == make_address("fd00::4"));
    }
}

TEST_CASE("of a dual-stack pod the family counts that the hosts file has first") {
    auto v4 = chosen("", pod_network(), "10.244.1.4 fp-1\nfd00::4 fp-1\n");
    CHECK(v4.endpoint == "tcp://eth0:%p");
    CHECK_FALSE(v4.ipv6);
    auto v6 = chosen("", pod_network(), "fd00::4 fp-1\n10.244.1.4 fp-1\n");
    CHECK(v6.endpoint == "tcp://[fd00::4]:%p");
    CHECK(v6.ipv6);
}

TEST_CASE("a wanted interface or address is taken as it is wanted") {
    CHECK(chosen("eth0", pod_network()).endpoint == "tcp://eth0:%p");
    CHECK(chosen("lo", pod_network()).endpoint == "tcp://lo:%p");
    CHECK(chosen("10.244.1.4", pod_network()).endpoint == "tcp://10.244.1.4:%p");
    CHECK(chosen("127.0.0.1", pod_network()).endpoint == "tcp://127.0.0.1:%p");
}

TEST_CASE("all interfaces may be wanted, and the pod's own address is still known") {
    for (const auto* all : {"*", "0.0.0.0"}) {
        auto choice = chosen(all, pod_network());
        CHECK(choice.endpoint == "tcp://*:%p");
        CHECK_FALSE(choice.ipv6);
        CHECK(choice.address == make_address("10.244.1.4"));
    }
    for (const auto* all : {"::", "[::]"}) {
        CHECK(chosen(all, pod_network()).endpoint == "tcp://*:%p");
        CHECK(chosen(all, pod_network()).ipv6);
    }
    NetworkFacts v6_only{.interfaces = {interface("eth0", {"fd00::4"})},
                         .default_route = "eth0",
                         .interfaces_fault = {},
                         .route_fault = {}};
    CHECK(chosen("*", v6_only).ipv6);
}

TEST_CASE("a wanted interface that does not exist is refused with those that do") {
    auto message = refusal("eth1", pod_network());
    CHECK(contains(message, "bind the broker to eth1: there is no such interface"));
    CHECK(contains(message, "lo (127.0.0.1 ::1), eth0 (10.244.1.4 fd00::4)"));
    CHECK(contains(refusal("eth0", NetworkFacts{}), "this pod has none"));
}

TEST_CASE("a wanted interface that is down or has no address is refused") {
    auto network = pod_network();
    network.interfaces[1].up = false;
    CHECK(contains(refusal("eth0", network), "is down"));
    network.interfaces.push_back(interface("net1", {}));
    CHECK(contains(refusal("net1", network), "has no address"));
}

TEST_CASE("a wanted address that no interface has is refused") {
    for (const auto* wanted : {"10.9.9.9", "fd00::9", "[fd00::9]", "fe80::1%eth0"}) {
        CAPTURE(wanted);
        CHECK(contains(refusal(wanted, pod_network()), "has this address"));
    }
    auto down = pod_network();
    down.interfaces[1].up = false;
    CHECK(contains(refusal("10.244.1.4", down), "has this address"));
}

TEST_CASE("a wanted name that would be more than a name in an endpoint is refused") {
    for (const auto* wanted :
         {"eth0:%p,tcp://evil:1", "[", "]", "[]", "%h", "eth0\n", "tcp://eth0"}) {
        CAPTURE(wanted);
        CHECK_FALSE(refusal(wanted, pod_network()).empty());
    }
}

TEST_CASE("interfaces that could not be listed: the hosts file gives the address") {
    const NetworkFacts unseen{.interfaces = {},
                              .default_route = "eth0",
                              .interfaces_fault = "Operation not permitted",
                              .route_fault = ""};
    const auto choice = chosen("", unseen, "127.0.0.1 localhost\n10.244.1.4 fp-1\n");
    CHECK(choice.endpoint == "tcp://*:%p");
    CHECK_FALSE(choice.ipv6);
    CHECK_FALSE(choice.only_loopback);
    CHECK_FALSE(choice.address);
    CHECK(contains(choice.reason, "10.244.1.4"));
    CHECK(contains(choice.reason, "Operation not permitted"));
    CHECK(chosen("", unseen, "fd00::4 fp-1\n").ipv6);
}

TEST_CASE(
    "interfaces that could not be listed, and no address in the hosts file: loopback, reported") {
    const NetworkFacts unseen{.interfaces = {},
                              .default_route = "",
                              .interfaces_fault = "Operation not permitted",
                              .route_fault = ""};
    for (const auto* hosts : {"", "127.0.1.1 fp-1\n", "10.244.1.4 fp-2\n", "fe80::1 fp-1\n"}) {
        CAPTURE(hosts);
        const auto choice = chosen("", unseen, hosts);
        CHECK(choice.only_loopback);
        CHECK(contains(choice.reason, "Operation not permitted"));
    }
}

TEST_CASE("interfaces that could not be listed: only all of them can be asked for") {
    const NetworkFacts unseen{.interfaces = {},
                              .default_route = "",
                              .interfaces_fault = "Operation not permitted",
                              .route_fault = ""};
    const auto all = chosen("*", unseen);
    CHECK(all.endpoint == "tcp://*:%p");
    CHECK_FALSE(all.address);
    CHECK_FALSE(all.only_loopback);
    for (const auto* wanted : {"eth0", "10.244.1.4", "fd00::4"}) {
        CHECK(contains(refusal(wanted, unseen), "Operation not permitted"));
    }
}

TEST_CASE("loopback is marked when it is all there is, and not when it was asked for") {
    const NetworkFacts alone{.interfaces = {interface("lo", {"127.0.0.1"})},
                             .default_route = "",
                             .interfaces_fault = {},
                             .route_fault = {}};
    CHECK(chosen("", alone).only_loopback);
    CHECK_FALSE(chosen("lo", alone).only_loopback);
    CHECK_FALSE(chosen("127.0.0.1", alone).only_loopback);
    CHECK_FALSE(chosen("*", alone).only_loopback);
    CHECK_FALSE(chosen("", pod_network()).only_loopback);
}

TEST_CASE("a route table that cannot be read: not called an absent route") {
    auto network = pod_network();
    network.default_route = "";
    CHECK(contains(chosen("", network).reason, "there is no default route"));
    network.route_fault = "/proc/net/route: Permission denied";
    const auto reason = chosen("", network).reason;
    CHECK(contains(reason, "/proc/net/route: Permission denied"));
    CHECK_FALSE(contains(reason, "there is no default route"));
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
