// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/resolv_conf.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fluxpod/base/text.hpp"

using namespace fluxpod;

namespace {

std::string nameservers_of(std::string_view text) {
    std::vector<std::string> addresses;
    for (const auto& address : parse_resolv_conf(text).nameservers) {
        addresses.push_back(address.to_string());
    }
    return join(addresses, " ");
}

std::string search_of(std::string_view text) { return join(parse_resolv_conf(text).search, " "); }

}  // namespace

TEST_CASE("a pod's resolv.conf gives its nameserver, namespace and cluster domain") {
    const auto conf = parse_resolv_conf(
        "search flux-operator.svc.cluster.local svc.cluster.local cluster.local\n"
        "nameserver 10.96.0.10\n"
        "options ndots:5\n");
    REQUIRE(conf.nameservers.size() == 1);
    CHECK(conf.nameservers[0].to_string() == "10.96.0.10");
    CHECK(conf.search.size() == 3);
    CHECK(cluster_domain_of(conf.search) == "cluster.local");
    CHECK(namespace_of(conf.search) == "flux-operator");
}

TEST_CASE("nameservers keep their order, without repeats, eight at most") {
    CHECK(nameservers_of("nameserver 2.2.2.2\nnameserver 1.1.1.1\nnameserver 2.2.2.2\n") ==
          "2.2.2.2 1.1.1.1");
    std::string many;
    for (int i = 1; i <= 20; ++i) many += "nameserver 10.0.0." + std::to_string(i) + "\n";
    CHECK(parse_resolv_conf(many).nameservers.size() == 8);
}

TEST_CASE("IPv6 nameservers may have a scope") {
    CHECK(nameservers_of("nameserver ::1\n") == "::1");
    CHECK(nameservers_of("nameserver fe80::1%1\n").starts_with("fe80::1%"));
    CHECK(parse_resolv_conf("nameserver fe80::1%1\n").nameservers.at(0).to_v6().scope_id() == 1);
}

TEST_CASE("comments, blanks, carriage returns and a missing last newline do no harm") {
    CHECK(nameservers_of("# nameserver 9.9.9.9\n;nameserver 9.9.9.9\n\n"
                         "nameserver\t1.1.1.1 # first\r\nnameserver  2.2.2.2;x") ==
          "1.1.1.1 2.2.2.2");
}

TEST_CASE("a line that the format does not have: ignored") {
    CHECK(nameservers_of("nameserver\nnameserver \nnameserver example.org\nnameserver 1.2.3\n"
                         "nameserver 1.2.3.4.5\nnameserver 256.1.1.1\nnameserver1.1.1.1\n"
                         " nameserver 1.1.1.1\nNAMESERVER 1.1.1.1\nnameserver 1.1.1.1x\n") == "");
    CHECK(nameservers_of(std::string("nameserver 1.1.1.1\0x\n", 21)) == "");
    CHECK(nameservers_of("nameserver " + std::string(100000, '1')) == "");
    CHECK(nameservers_of("") == "");
}

TEST_CASE("the last search or domain line wins") {
    CHECK(search_of("search a.b c.d\ndomain e.f\n") == "e.f");
    CHECK(search_of("domain e.f\nsearch a.b\tc.d\n") == "a.b c.d");
    CHECK(search_of("domain e.f g.h\n") == "e.f");
    CHECK(search_of("search a.b\nsearch\n") == "a.b");
}

TEST_CASE("an invalid name in the search list: ignored") {
    CHECK(search_of("search . a..b a.b. \x01 c\n") == "a.b c");
    std::string many = "search";
    for (int i = 0; i < 1000; ++i) many += " d" + std::to_string(i);
    CHECK(parse_resolv_conf(many).search.size() == 32);
}

TEST_CASE("a search list without the kubelet's pair has no cluster domain") {
    CHECK(cluster_domain_of({}) == "");
    CHECK(cluster_domain_of({"example.org"}) == "");
    CHECK(cluster_domain_of({"ns.svc.cluster.local"}) == "");
    CHECK(cluster_domain_of({"svc.cluster.local", "cluster.local"}) == "");
    CHECK(cluster_domain_of({"ns.svc.a.local", "svc.b.local"}) == "");
    CHECK(cluster_domain_of({"ns.svc.", "svc."}) == "");
    CHECK(cluster_domain_of({"x.org", "svc.k8s.x.org", "ns.svc.k8s.x.org"}) == "k8s.x.org");
    CHECK(cluster_domain_of({"ns.svc.local", "svc.local"}) == "local");
}

TEST_CASE("the namespace is the first label before svc") {
    CHECK(namespace_of({}) == "");
    CHECK(namespace_of({"svc.cluster.local", "a.b.svc.cluster.local"}) == "");
    CHECK(namespace_of({"x.org", "two.svc.cluster.local", "one.svc.cluster.local"}) == "two");
    CHECK(namespace_of({".svc.cluster.local"}) == "");
}
