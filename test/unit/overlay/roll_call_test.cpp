// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_call.hpp"

#include <doctest/doctest.h>
#include <zmq.h>

#include "fake_clock.hpp"
#include "fluxpod/overlay/handshake.hpp"
#include "fluxpod/overlay/roll_call_message.hpp"
#include "fluxpod/plan/tree.hpp"
#include "loopback.hpp"
#include "shortage.hpp"

using namespace fluxpod;
using namespace fluxpod::test;

namespace {

constexpr auto plenty = std::chrono::seconds(60);

// A cluster on loopback: one port, and an address for each rank.
struct Cluster {
    std::uint32_t size;
    TopologySpec topology;
    CurveCert cert = CurveCert::generate();
    std::uint16_t port = free_endpoint().port();
    SteadyClock clock{};

    static asio::ip::address address_of(std::uint32_t rank) {
        return asio::ip::address_v4(asio::ip::address_v4::loopback().to_uint() + rank);
    }

    [[nodiscard]] Plan plan(std::uint32_t rank) const {
        Plan plan;
        plan.tree = Tree(topology, size);
        plan.identity.rank = rank;
        plan.identity.size = size;
        plan.identity.max_size = size;
        plan.identity.hosts.append_range("fp-", 0, size - 1, 1, "");
        plan.identity.hostname = plan.identity.hosts.at(rank);
        plan.parent = plan.tree.parent_of(rank);
        plan.children = plan.tree.children_of(rank);
        plan.bind = {.endpoint = "tcp://lo:%p",
                     .ipv6 = false,
                     .address = address_of(rank),
                     .reason = "test"};
        plan.broker.default_port = port;
        return plan;
    }

    [[nodiscard]] std::string endpoint_of(std::uint32_t rank) const {
        return zmq_endpoint({address_of(rank), port});
    }

    // A rank's part, from its plan to the outcome.
    Task<RollCall> play(Plan plan, Clock& its_clock) {
        const std::string parent = plan.parent ? endpoint_of(*plan.parent) : "";
        auto call = co_await run_roll_call(plan, &cert, parent, std::chrono::milliseconds(7),
                                           its_clock, its_clock.now() + plenty);
        REQUIRE_MESSAGE(call.has_value(), call.error().message());
        co_return std::move(*call);
    }
    Task<RollCall> play(std::uint32_t rank) { return play(plan(rank), clock); }
};

// Runs all ranks, the followers first so that they find nobody yet.
std::vector<RollCall> run_all(Cluster& cluster) {
    asio::io_context context;
    std::vector<RollCall> calls(cluster.size);
    for (std::uint32_t rank = cluster.size; rank-- > 0;) {
        auto part = [](Cluster& whose, std::uint32_t which, RollCall& call) -> Task<void> {
            call = co_await whose.play(which);
        };
        asio::co_spawn(context, part(cluster, rank, calls[rank]),
                       [](const std::exception_ptr& thrown) { REQUIRE_FALSE(thrown); });
    }
    context.run();
    return calls;
}

void check_complete(const std::vector<RollCall>& calls) {
    for (const auto& call : calls) {
        CHECK(call.complete);
        CHECK(call.joined == calls.size());
        CHECK(call.size == calls.size());
        CHECK(call.lacking.empty());
    }
    REQUIRE(calls.front().rows.size() == calls.size());
    for (std::uint32_t rank = 1; rank < calls.size(); ++rank) {
        const auto& row = calls.front().rows[rank];
        CHECK(row.rank == rank);
        CHECK(row.joined);
        CHECK(row.after > Duration::zero());
        CHECK(row.waited == std::chrono::milliseconds(7));
    }
}

Presence presence_of(std::uint32_t rank, const std::string& hostname) {
    return {.rank = rank, .hostname = hostname, .parent = 0, .waited = {}, .refused = 0};
}

// A peer of the lead with sockets of its own and nothing of a rank's manners.
struct Peer {
    explicit Peer(asio::io_context& context, const CurveCert& cert, const std::string& endpoint) {
        auto opened = ZmqSocket::open(*zmq, ZMQ_DEALER, context.get_executor());
        REQUIRE(opened);
        socket = std::move(*opened);
        REQUIRE(socket->use_curve_client(cert));
        REQUIRE(socket->connect(endpoint));
    }
    std::unique_ptr<ZmqContext> zmq = std::move(ZmqContext::create().value());
    std::unique_ptr<ZmqSocket> socket;
};

}  // namespace

TEST_CASE("a cluster of one is complete at once, without certificate or network") {
    Cluster cluster{.size = 1, .topology = {}};
    FakeClock clock;
    asio::io_context context;
    const auto call = run_task(
        context, run_roll_call(cluster.plan(0), nullptr, "", {}, clock, clock.now() + plenty));
    REQUIRE(call);
    CHECK(call->complete);
    CHECK(call->rows.size() == 1);
    CHECK(clock.sleeps().empty());
}

TEST_CASE("all ranks of a flat tree come and learn that all have come") {
    Cluster cluster{.size = 5, .topology = {.kind = TopologySpec::Kind::flat, .k = 0}};
    check_complete(run_all(cluster));
}

TEST_CASE("the words go up and the verdict down a chain of interior ranks") {
    Cluster cluster{.size = 4, .topology = {.kind = TopologySpec::Kind::kary, .k = 1}};
    check_complete(run_all(cluster));
}

TEST_CASE("all ranks of a binary tree come and learn that all have come") {
    Cluster cluster{.size = 9, .topology = {.kind = TopologySpec::Kind::kary, .k = 2}};
    check_complete(run_all(cluster));
}

TEST_CASE("a lead to which nobody comes names them all at the deadline") {
    Cluster cluster{.size = 3, .topology = {.kind = TopologySpec::Kind::kary, .k = 1}};
    FakeClock clock;
    const TimePoint start = clock.now();
    asio::io_context context;
    const auto call = run_task(context, cluster.play(cluster.plan(0), clock));
    CHECK_FALSE(call.complete);
    CHECK_FALSE(call.refused_keys);
    CHECK(call.lacking ==
          "fp-1 (rank 1): not heard of; fp-2 (rank 2): its parent, rank 1, is missing");
    CHECK(clock.now() - start <= plenty);
}

TEST_CASE("a follower without a verdict says so at its deadline") {
    Cluster cluster{.size = 3, .topology = {.kind = TopologySpec::Kind::kary, .k = 1}};
    FakeClock clock;
    asio::io_context context;
    for (const std::uint32_t rank : {1U, 2U}) {
        const auto call = run_task(context, cluster.play(cluster.plan(rank), clock));
        CHECK_FALSE(call.complete);
        CHECK(call.lacking.find("heard no verdict from its parent") != std::string::npos);
    }
}

TEST_CASE("a port that is taken is an error with the endpoint") {
    Cluster cluster{.size = 2, .topology = {}};
    const TcpServer other;
    cluster.port = other.endpoint().port();
    asio::io_context context;
    const auto call = run_task(context, run_roll_call(cluster.plan(0), &cluster.cert, "", {},
                                                      cluster.clock, cluster.clock.now() + plenty));
    REQUIRE_FALSE(call);
    CHECK(call.error().code == ExitCode::network);
    CHECK(call.error().message().find(cluster.endpoint_of(0)) != std::string::npos);
    CHECK(call.error().cause == "Address already in use");
}

TEST_CASE("a roll call without descriptors: not another program's port") {
    Cluster cluster{.size = 2, .topology = {}};
    asio::io_context context;
    const NoDescriptorsLeft shortage;
    const auto call = run_task(context, run_roll_call(cluster.plan(0), &cluster.cert, "", {},
                                                      cluster.clock, cluster.clock.now() + plenty));
    REQUIRE_FALSE(call);
    CHECK(call.error().code == ExitCode::cannot_run);
    CHECK(call.error().message().find("has the port") == std::string::npos);
    CHECK(call.error().hint.find("open files") != std::string::npos);
}

TEST_CASE("a roll call of several without a certificate is refused") {
    const Cluster cluster{.size = 2, .topology = {}};
    SteadyClock clock;
    asio::io_context context;
    const auto call = run_task(
        context, run_roll_call(cluster.plan(0), nullptr, "", {}, clock, clock.now() + plenty));
    REQUIRE_FALSE(call);
    CHECK(call.error().code == ExitCode::certificate);
}

TEST_CASE("a peer that holds the key and talks nonsense changes nothing") {
    Cluster cluster{.size = 2, .topology = {}};
    asio::io_context context;
    const Peer peer(context, cluster.cert, cluster.endpoint_of(0));
    for (const std::string& bytes :
         {std::string(), std::string("nonsense"), std::string(4097, '['),
          encode_roll_call(Receipt{}), encode_roll_call(RollCallVerdict{true, 1, 1, false, ""}),
          encode_roll_call(presence_of(9, "fp-9")), encode_roll_call(presence_of(1, "stranger"))}) {
        REQUIRE(peer.socket->send({bytes}));
    }
    REQUIRE(peer.socket->send(ZmqSocket::Message(100, "frame")));
    // libzmq ends the connection of one that sends this; it connects again.
    REQUIRE(peer.socket->send({std::string(ZmqSocket::max_bytes_in_frame + 1, 'x')}));

    auto both = [&]() -> Task<RollCall> {
        auto [lead, follower] = co_await (cluster.play(0) && cluster.play(1));
        CHECK(follower.complete);
        co_return std::move(lead);
    };
    const auto call = run_task(context, both());
    CHECK(call.complete);
    CHECK(call.rows[1].hostname == "fp-1");
}

TEST_CASE("a peer with another certificate is turned away, and that is known at the end") {
    Cluster cluster{.size = 2, .topology = {}};
    asio::io_context context;
    const auto other = CurveCert::generate();
    const Peer peer(context, other, cluster.endpoint_of(0));
    REQUIRE(peer.socket->send({encode_roll_call(presence_of(1, "fp-1"))}));
    auto monitor = ZmqMonitor::watch(*peer.zmq, *peer.socket, context.get_executor());
    REQUIRE(monitor);

    // The lead's deadline comes when the peer has been turned away.
    bool turned_away = false;
    ClockUntil clock([&](unsigned) { return turned_away; });
    auto watch = [&]() -> Task<void> {
        while (!turned_away) {
            const auto event = co_await (*monitor)->next();
            turned_away = event.what == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
        }
    };
    auto both = [&]() -> Task<RollCall> {
        co_return co_await (cluster.play(cluster.plan(0), clock) && watch());
    };
    const auto call = run_task(context, both());
    CHECK_FALSE(call.complete);
    CHECK(call.refused_keys);
    CHECK(call.lacking ==
          "fp-1 (rank 1): not heard of; rank 0 turned away a connection with another certificate");
}

TEST_CASE("a rank that was made again is heard again, and the verdict reaches it") {
    Cluster cluster{.size = 3, .topology = {}};
    asio::io_context context;
    // The first life of rank 1: present, and gone without the verdict.
    {
        const Peer peer(context, cluster.cert, cluster.endpoint_of(0));
        REQUIRE(peer.socket->send({encode_roll_call(presence_of(1, "fp-1"))}));
    }
    check_complete(run_all(cluster));
}
