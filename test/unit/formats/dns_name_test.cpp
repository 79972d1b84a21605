// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/dns_name.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "fluxpod/formats/address.hpp"

using namespace fluxpod;

TEST_CASE("a name that can be asked has labels of 1 to 63 bytes, 253 in all") {
    const std::string label(63, 'a');
    CHECK(is_dns_name("fp-0"));
    CHECK(is_dns_name("fp-0.flux.default.svc.cluster.local"));
    CHECK(is_dns_name("_tcp.my_host"));
    CHECK(is_dns_name(label + "." + label + "." + label + "." + label.substr(2)));
    CHECK_FALSE(is_dns_name(label + "." + label + "." + label + "." + label.substr(1)));
    CHECK_FALSE(is_dns_name(label + "a"));
    for (const char* name : {"", ".", "a.", ".a", "a..b", "a\nb", "a\x7f"}) {
        CAPTURE(name);
        CHECK_FALSE(is_dns_name(name));
    }
    CHECK_FALSE(is_dns_name(std::string_view("a\0b", 3)));
}

TEST_CASE("reverse names are those of RFC 1035 and RFC 3596") {
    CHECK(reverse_dns_name(*parse_address("10.244.1.4")) == "4.1.244.10.in-addr.arpa");
    CHECK(reverse_dns_name(*parse_address("2001:db8::567:89ab")) ==
          "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}
