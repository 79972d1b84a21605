// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/live_files.hpp"

#include <doctest/doctest.h>

#include "temp_dir.hpp"

using boost::asio::ip::address;
using boost::asio::ip::make_address;
using fluxpod::LiveHosts;
using fluxpod::LiveNameservers;
using fluxpod::read_resolv_conf;
using fluxpod::test::TempDir;

TEST_CASE("the hosts file: as it is when it is asked") {
    const TempDir dir;
    const LiveHosts hosts(dir / "hosts");
    CHECK(hosts.addresses_of("fp-0").empty());
    dir.write("hosts", "10.0.0.1 fp-0\n");
    CHECK(hosts.addresses_of("fp-0") == std::vector{make_address("10.0.0.1")});
    // Same length, and likely the same time stamp.
    dir.write("hosts", "10.0.0.2 fp-0\n");
    CHECK(hosts.addresses_of("FP-0.") == std::vector{make_address("10.0.0.2")});
    std::filesystem::rename(dir.write("new", "10.0.0.3 fp-0\n"), dir / "hosts");
    CHECK(hosts.addresses_of("fp-0") == std::vector{make_address("10.0.0.3")});
    std::filesystem::remove(dir / "hosts");
    CHECK(hosts.addresses_of("fp-0").empty());
}

TEST_CASE("a hosts file of many MiB: read to its end") {
    const TempDir dir;
    std::string text = "10.0.0.1 fp-0\n";
    while (text.size() < (std::size_t{4} << 20U)) text += "0.0.0.0 some.host.of.a.blocklist\n";
    text += "fd00::1 fp-0\n10.0.0.1 FP-0.\n";
    const LiveHosts hosts(dir.write("hosts", text));
    CHECK(hosts.addresses_of("fp-0") ==
          std::vector{make_address("10.0.0.1"), make_address("fd00::1")});
    CHECK(hosts.addresses_of("fp-1").empty());
}

TEST_CASE("a hosts file that cannot be read: has no names") {
    const TempDir dir;
    CHECK(LiveHosts(dir.path()).addresses_of("fp-0").empty());
    CHECK(LiveHosts().addresses_of("fp-0").empty());
}

TEST_CASE("nameservers: those of the file as it is, or the last ones while it names none") {
    const TempDir dir;
    LiveNameservers servers(dir / "resolv.conf");
    CHECK(servers.now().empty());
    dir.write("resolv.conf", "nameserver 10.96.0.10\n");
    CHECK(servers.now() == std::vector{make_address("10.96.0.10")});
    dir.write("resolv.conf", "");
    CHECK(servers.now() == std::vector{make_address("10.96.0.10")});
    dir.write("resolv.conf", "nameserver 127.0.0.11\n");
    CHECK(servers.now() == std::vector{make_address("127.0.0.11")});
}

TEST_CASE("a resolv.conf of more than a MiB: its last lines count") {
    const TempDir dir;
    std::string text = "nameserver 10.96.0.10\nsearch first.example\n";
    while (text.size() < (std::size_t{2} << 20U)) text += "# a comment\n";
    text += "nameserver 10.96.0.10\nnameserver 10.96.0.11\nsearch ns.svc.cluster.local\n";
    const auto conf = read_resolv_conf(dir.write("resolv.conf", text));
    CHECK(conf.nameservers ==
          std::vector<address>{make_address("10.96.0.10"), make_address("10.96.0.11")});
    CHECK(conf.search == std::vector<std::string>{"ns.svc.cluster.local"});
}
