// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/target.hpp"

#include <doctest/doctest.h>

using namespace fluxpod;
using Kind = WaitTarget::Kind;
using Hosts = std::vector<std::string>;

TEST_CASE("each form of a target is read") {
    const auto dns = parse_wait_target("dns:pod-0.service.");
    REQUIRE(dns);
    CHECK(dns->kind == Kind::dns);
    CHECK(dns->host == "pod-0.service");

    const auto tcp = parse_wait_target("tcp:redis:6379");
    REQUIRE(tcp);
    CHECK(tcp->kind == Kind::tcp);
    CHECK(tcp->host == "redis");
    CHECK(tcp->port == 6379);

    const auto curve = parse_wait_target("curve:[fd00::4]:8050");
    REQUIRE(curve);
    CHECK(curve->kind == Kind::curve);
    CHECK(curve->host == "fd00::4");
    CHECK(curve->port == 8050);

    const auto file = parse_wait_target("file:a:b");
    REQUIRE(file);
    CHECK(file->path == "a:b");

    const auto hosts = parse_wait_target("hosts:/etc/mpi/hostfile:22");
    REQUIRE(hosts);
    CHECK(hosts->kind == Kind::hosts);
    CHECK(hosts->path == "/etc/mpi/hostfile");
    CHECK(hosts->port == 22);
    CHECK(parse_wait_target("hosts:/etc/mpi/hostfile")->port == 0);
    CHECK(parse_wait_target("hosts:/etc/odd:name")->path == "/etc/odd:name");
}

TEST_CASE("a wrong target is refused with its cause") {
    const std::vector<std::pair<const char*, const char*>> wrong{
        {"", "is of no known form"},
        {"redis:6379", "is of no known form"},
        {"TCP:redis:6379", "is of no known form"},
        {"dns:", "'' is neither a host name nor an address"},
        {"dns:.", "'.' is neither a host name nor an address"},
        {"dns:a..b", "'a..b' is neither a host name nor an address"},
        {"dns:[redis]", "'[redis]' is neither a host name nor an address"},
        {"tcp:", "the port is missing"},
        {"tcp:redis", "the port is missing"},
        {"tcp:redis:", "'' is not a port from 1 to 65535"},
        {"tcp:redis:0", "'0' is not a port from 1 to 65535"},
        {"tcp:redis:65536", "'65536' is not a port from 1 to 65535"},
        {"tcp:redis:ssh", "'ssh' is not a port from 1 to 65535"},
        {"tcp::22", "'' is neither a host name nor an address"},
        {"tcp:fd00::4:22", "an IPv6 address needs brackets"},
        {"tcp:[fd00::4]", "the port is missing"},
        {"tcp:[:22", "the port is missing"},
        {"curve:[]:22", "'[]' is neither a host name nor an address"},
        {"file:", "the path is missing"},
        {"hosts:", "the path is missing"},
        {"hosts::22", "the path is missing"},
        {"hosts:f:99999", "'99999' is not a port from 1 to 65535"},
    };
    for (const auto& row : wrong) {
        const std::string text = row.first;
        const std::string cause = row.second;
        CAPTURE(text);
        const auto target = parse_wait_target(text);
        REQUIRE_FALSE(target);
        CHECK(target.error() == cause);
    }
}

TEST_CASE("a host file names each host once, with or without slots") {
    const auto hosts = parse_host_file(
        "# made by the MPI operator\n"
        "mpi-worker-0.mpi.default.svc slots=4\n"
        "mpi-worker-1.mpi.default.svc:4 # Intel\r\n"
        "\n"
        "  10.0.0.7\tslots=2\n"
        "MPI-worker-0.mpi.default.svc\n"
        "[fd00::4]:2\n"
        "fd00::5");
    REQUIRE(hosts);
    CHECK(*hosts == Hosts{"mpi-worker-0.mpi.default.svc", "mpi-worker-1.mpi.default.svc",
                          "10.0.0.7", "fd00::4", "fd00::5"});
}

TEST_CASE("a host file that names nobody or nonsense is refused") {
    CHECK(parse_host_file("").error() == "names no host");
    CHECK(parse_host_file("# nobody\n\n").error() == "names no host");
    CHECK(parse_host_file("a\n:4\n").error() == "line 2: '' is neither a host name nor an address");
    CHECK_FALSE(parse_host_file(std::string_view("a\0b\n", 4)));
    CHECK_FALSE(parse_host_file(std::string_view("::1\0b\n", 6)));
    CHECK_FALSE(parse_host_file("fe80::1%\x1b[2J"));
    CHECK_FALSE(parse_host_file("[\n"));
}
