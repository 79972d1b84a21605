// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/former_life.hpp"

#include <doctest/doctest.h>

#include "held_clock.hpp"
#include "loopback.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using Answer = Attempt::Answer;

namespace {

const auto elsewhere = asio::ip::make_address("192.0.2.7");

struct Scene {
    FormerLife held(const asio::ip::tcp::endpoint& endpoint) {
        FormerLife life(endpoint, {});
        run_task(context, life.hold(clock));
        return life;
    }
    bool is_over(FormerLife& life, Duration within) {
        return run_task(context, life.is_over(clock, clock.now() + within));
    }
    Attempt attempt(Route& route, FormerLife& life) {
        return run_task(context, make_former_life_gate(route, life, clock)->attempt(clock.now()));
    }
    asio::io_context context;
    HeldClock clock;
};

Route route_to(const asio::ip::tcp::endpoint& endpoint) {
    return {
        .host = "fp-0", .port = endpoint.port(), .addresses = {endpoint.address()}, .answered = {}};
}

}  // namespace

TEST_CASE("a parent that nobody is left of: its life is over at once") {
    Scene scene;
    auto life = scene.held(free_endpoint());
    CHECK(scene.is_over(life, 1h));
}

TEST_CASE("a parent that still listens: its life is not over") {
    Scene scene;
    const TcpServer server;
    auto life = scene.held(server.endpoint());
    CHECK_FALSE(scene.is_over(life, 0s));
    auto route = route_to(server.endpoint());
    CHECK(scene.attempt(route, life).answer == Answer::not_yet);
}

TEST_CASE("a parent that ends: its life is over as soon as the connection is closed") {
    Scene scene;
    auto server = std::make_unique<TcpServer>("a greeting");
    auto life = scene.held(server->endpoint());
    CHECK_FALSE(scene.is_over(life, 0s));
    server.reset();
    CHECK(scene.is_over(life, 1h));
}

TEST_CASE("a connection that libzmq closed after its 30 s: another one is made") {
    Scene scene;
    const TcpServer server("", TcpServer::Then::close);
    auto life = scene.held(server.endpoint());
    scene.clock.advance(30s);
    CHECK(scene.is_over(life, 20s));  // the second is closed at once
    CHECK(server.connections() == 2);
}

TEST_CASE("a new life that was taken for the old one: costs a minute and not more") {
    Scene scene;
    const TcpServer server;
    auto life = scene.held(server.endpoint());
    scene.clock.advance(59s);
    CHECK_FALSE(scene.is_over(life, 0s));
    scene.clock.advance(1s);
    CHECK(scene.is_over(life, 1h));
}

TEST_CASE("a name with another address: the old life's addresses leave the route") {
    Scene scene;
    const TcpServer server;
    const auto second_family = asio::ip::make_address("2001:db8::1");
    FormerLife life(server.endpoint(), {server.endpoint().address(), second_family});
    run_task(scene.context, life.hold(scene.clock));
    auto route = route_to(server.endpoint());
    route.addresses.push_back(second_family);
    CHECK(scene.attempt(route, life).answer == Answer::not_yet);
    route.addresses.push_back(elsewhere);
    CHECK(scene.attempt(route, life).answer == Answer::open);
    CHECK(route.addresses == std::vector{elsewhere});
}
