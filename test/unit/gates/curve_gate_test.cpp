// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/curve_gate.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "loopback.hpp"
#include "shortage.hpp"

using namespace fluxpod;
using namespace fluxpod::test;

namespace {

Route route_to(const asio::ip::tcp::endpoint& endpoint) {
    return {.host = "fp-0", .port = endpoint.port(), .addresses = {}, .answered = endpoint};
}

Attempt try_once(Gate& gate) {
    asio::io_context context;
    SteadyClock clock;
    return run_task(context, gate.attempt(clock.now() + std::chrono::seconds(30)));
}

constexpr auto plenty = std::chrono::seconds(30);

}  // namespace

TEST_CASE("the CURVE gate opens to a peer with the same certificate") {
    const auto cert = CurveCert::generate();
    const CurveServer server(cert);
    Route route = route_to(server.endpoint());
    SteadyClock clock;
    const auto gate = make_curve_gate(route, cert, clock, plenty);
    CHECK(try_once(*gate).answer == Attempt::Answer::open);
    CHECK(gate->name() == "CURVE");
    CHECK(gate->exit_code() == ExitCode::curve);
    CHECK(gate->subject() == "fp-0:" + std::to_string(server.endpoint().port()) + " at 127.0.0.1");
}

TEST_CASE("another certificate shuts the CURVE gate for good, with what to do") {
    const CurveServer server(CurveCert::generate());
    const auto cert = CurveCert::generate();
    Route route = route_to(server.endpoint());
    SteadyClock clock;
    const auto gate = make_curve_gate(route, cert, clock, plenty);
    const auto attempt = try_once(*gate);
    CHECK(attempt.answer == Attempt::Answer::never);
    CHECK(attempt.why.find("CURVE peer") != std::string::npos);
    CHECK(gate->advice().find("same certificate") != std::string::npos);
    CHECK(gate->advice().find(cert.public_key()) != std::string::npos);
}

TEST_CASE("no descriptor for a handshake: this pod's own fault, and not the peer's") {
    const auto cert = CurveCert::generate();
    Route route = route_to(free_endpoint());
    asio::io_context context;
    SteadyClock clock;
    const auto gate = make_curve_gate(route, cert, clock, plenty);
    const NoDescriptorsLeft shortage;
    const auto attempt = run_task(context, gate->attempt(clock.now() + plenty));
    CHECK(attempt.answer == Attempt::Answer::not_yet);
    CHECK(attempt.own_fault == EMFILE);
    CHECK(attempt.why.find("Too many open files") != std::string::npos);
}

TEST_CASE("a peer that is not CURVE shuts the gate for good") {
    const TcpServer server("HTTP/1.1 400 Bad Request\r\n\r\n");
    const auto cert = CurveCert::generate();
    Route route = route_to(server.endpoint());
    SteadyClock clock;
    const auto gate = make_curve_gate(route, cert, clock, plenty);
    CHECK(try_once(*gate).answer == Attempt::Answer::never);
    CHECK(server.connections() == 3);
    CHECK(gate->advice().find("not a Flux broker") != std::string::npos);
}

TEST_CASE("a final verdict that there was no time to see again is not yet final") {
    const TcpServer server("HTTP/1.1 400 Bad Request\r\n\r\n");
    const auto cert = CurveCert::generate();
    Route route = route_to(server.endpoint());
    // Time stands still: the sleep of the handshake never ends, and the next sighting would be
    // after the attempt's end.
    ClockUntil clock([](unsigned) { return false; });
    const auto gate = make_curve_gate(route, cert, clock, std::chrono::milliseconds(50));
    asio::io_context context;
    const auto attempt = run_task(context, gate->attempt(clock.now() + plenty));
    CHECK(attempt.answer == Attempt::Answer::not_yet);
    CHECK(attempt.why == "what it says is not ZeroMQ");
}

TEST_CASE("a peer that closes, and nobody at the port, are not yet") {
    const auto cert = CurveCert::generate();
    SteadyClock clock;
    const TcpServer closing("", TcpServer::Then::close);
    Route to_closing = route_to(closing.endpoint());
    CHECK(try_once(*make_curve_gate(to_closing, cert, clock, plenty)).answer ==
          Attempt::Answer::not_yet);
    Route to_nobody = route_to(free_endpoint());
    CHECK(try_once(*make_curve_gate(to_nobody, cert, clock, plenty)).answer ==
          Attempt::Answer::not_yet);
}

TEST_CASE("a route without an answered address is not yet") {
    const auto cert = CurveCert::generate();
    Route route{.host = "fp-0", .port = 8050, .addresses = {}, .answered = {}};
    SteadyClock clock;
    const auto gate = make_curve_gate(route, cert, clock);
    CHECK(try_once(*gate).answer == Attempt::Answer::not_yet);
    CHECK(gate->subject() == "fp-0:8050");
}
