// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/bind_choice.hpp"

#include <doctest/doctest.h>

#include "network.hpp"
#include "temp_dir.hpp"

using boost::asio::ip::make_address;
using fluxpod::BindChoice;
using fluxpod::choose_bind;
using fluxpod::ExitCode;
using fluxpod::LiveHosts;
using fluxpod::NetworkFacts;
using fluxpod::test::interface;
using fluxpod::test::pod_network;

namespace {

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
