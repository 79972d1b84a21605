// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hosts_file.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fluxpod/base/text.hpp"

using namespace fluxpod;

namespace {

std::string addresses_in(std::string_view text, std::string_view name) {
    std::vector<std::string> addresses;
    for (const auto& address : HostsFile::parse(text).addresses_of(name)) {
        addresses.push_back(address.to_string());
    }
    return join(addresses, " ");
}

constexpr std::string_view pods_file =
    "# Kubernetes-managed hosts file.\n"
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "10.244.1.4\tfp-0.flux.default.svc.cluster.local\tfp-0\n"
    "\n"
    "# Entries added by HostAliases.\n"
    "10.1.2.3\tfoo.remote\tbar.remote # with a comment\n";

}  // namespace

TEST_CASE("a name has all its addresses, in order") {
    CHECK(addresses_in(pods_file, "localhost") == "127.0.0.1 ::1");
    CHECK(addresses_in(pods_file, "fp-0") == "10.244.1.4");
    CHECK(addresses_in(pods_file, "bar.remote") == "10.1.2.3");
    CHECK(addresses_in("10.0.0.1 a\n10.0.0.2 a\n10.0.0.1 a b\n", "a") == "10.0.0.1 10.0.0.2");
}

TEST_CASE("names are compared without case, and a final dot is ignored") {
    CHECK(addresses_in("10.0.0.1 Fp-0.Flux.\n", "fP-0.fLUX") == "10.0.0.1");
    CHECK(addresses_in(pods_file, "FP-0.flux.default.svc.cluster.local.") == "10.244.1.4");
}

TEST_CASE("a name that is not there has no address") {
    CHECK(addresses_in(pods_file, "fp-1") == "");
    CHECK(addresses_in(pods_file, "fp") == "");
    CHECK(addresses_in(pods_file, "comment") == "");
    CHECK(addresses_in(pods_file, "") == "");
    CHECK(addresses_in(pods_file, "10.244.1.4") == "");
    CHECK(addresses_in("", "a") == "");
}

TEST_CASE("bad lines are skipped") {
    const std::string text =
        "10.0.0.1\n10.0.0 a\nfp-0 a\n10.0.0.256 a\n#10.0.0.2 a\n  10.0.0.3\ta\r\n"
        "10.0.0.4 a..b \x01 a\n10.0.0.5#a\n";
    CHECK(addresses_in(text, "a") == "10.0.0.3 10.0.0.4");
    CHECK(addresses_in(std::string("10.0.0.1\0 a\n", 12), "a") == "");
    CHECK(addresses_in(std::string(1000000, 'x'), "a") == "");
}

TEST_CASE("a huge file is read in part") {
    std::string text;
    for (int i = 0; i < 70000; ++i) text += "1.1.1.1 n" + std::to_string(i) + "\n";
    CHECK(addresses_in(text, "n65535") == "1.1.1.1");
    CHECK(addresses_in(text, "n65536") == "");
}
