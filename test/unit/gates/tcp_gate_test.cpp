// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/tcp_gate.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "held_clock.hpp"
#include "shortage.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using asio::ip::tcp;
using Answer = Attempt::Answer;

namespace {

asio::ip::address at(const char* text) { return asio::ip::make_address(text); }

// A listener whose queue is full: Linux then drops further SYNs, as a black hole does.
struct BlackHole {
    explicit BlackHole(asio::io_context& context)
        : acceptor(context), first(context), second(context) {
        acceptor.open(tcp::v4());
        acceptor.bind({at("127.0.0.1"), 0});
        acceptor.listen(0);
        first.connect(acceptor.local_endpoint());
        // Whether one or two fit is the kernel's business, so the second is not waited for; Asio's
        // connect would wait, non-blocking or not.
        second.open(tcp::v4());
        second.native_non_blocking(true);
        const auto endpoint = acceptor.local_endpoint();
        static_cast<void>(::connect(second.native_handle(), endpoint.data(),
                                    static_cast<socklen_t>(endpoint.size())));
    }
    // Takes what waits in the queue, so that there is room for what comes next.
    void open() {
        acceptor.non_blocking(true);
        boost::system::error_code empty;
        while (!empty) static_cast<void>(acceptor.accept(empty));
    }
    tcp::acceptor acceptor;
    tcp::socket first, second;
};

Attempt attempt(asio::io_context& context, HeldClock& clock, Gate& gate, Duration give_up) {
    return run_task(context, gate.attempt(clock.now() + give_up));
}

// Time goes on whenever nothing else happens.
Attempt attempt_while_time_passes(asio::io_context& context, HeldClock& clock, Gate& gate,
                                  Duration give_up) {
    std::optional<Attempt> ended;
    asio::co_spawn(context, gate.attempt(clock.now() + give_up),
                   [&](const std::exception_ptr&, Attempt outcome) { ended = std::move(outcome); });
    while (!ended) {
        if (context.poll() == 0) clock.advance_to_next();
    }
    context.restart();
    return *ended;
}

Route route_to(std::uint16_t port, std::vector<asio::ip::address> addresses) {
    return {
        .host = "pod-0.service", .port = port, .addresses = std::move(addresses), .answered = {}};
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

}  // namespace

TEST_CASE("no descriptor for a connect: this pod's own fault, and not the peer's") {
    asio::io_context context;
    HeldClock clock;
    Route route{.host = "fp-0", .port = 8050, .addresses = {at("127.0.0.1")}, .answered = {}};
    const auto gate = make_tcp_gate(route, clock);
    const tcp::socket first(context);  // Asio's own descriptors are there before the shortage
    const NoDescriptorsLeft shortage;
    const auto outcome = attempt(context, clock, *gate, 1s);
    CHECK(outcome.answer == Answer::not_yet);
    CHECK(outcome.own_fault == EMFILE);
    CHECK(outcome.why == "127.0.0.1:8050: Too many open files");
}

TEST_CASE("TCP opens at a listener and hands its endpoint on") {
    asio::io_context context;
    HeldClock clock;
    const tcp::acceptor listener(context, {at("127.0.0.1"), 0});
    auto route = route_to(listener.local_endpoint().port(), {at("127.0.0.1")});
    auto gate = make_tcp_gate(route, clock);
    CHECK(attempt(context, clock, *gate, 1s).answer == Answer::open);
    CHECK(route.answered == listener.local_endpoint());
}

TEST_CASE("TCP opens over IPv6 and names it in brackets") {
    asio::io_context context;
    HeldClock clock;
    tcp::acceptor listener(context);
    boost::system::error_code no_ipv6;
    listener.open(tcp::v6(), no_ipv6);
    if (!no_ipv6) listener.bind({at("::1"), 0}, no_ipv6);
    if (no_ipv6) return;  // this machine has no IPv6
    listener.listen();
    auto route = route_to(listener.local_endpoint().port(), {at("127.0.0.9"), at("::1")});
    auto gate = make_tcp_gate(route, clock);
    CHECK(attempt(context, clock, *gate, 1s).answer == Answer::open);
    CHECK(route.answered->address() == at("::1"));
    CHECK(describe_endpoint({at("::1"), 8050}) == "[::1]:8050");
}

TEST_CASE("a refused connection: reported as such, for every address") {
    asio::io_context context;
    HeldClock clock;
    std::uint16_t port = 0;
    {
        const tcp::acceptor closed(context, {at("127.0.0.1"), 0});
        port = closed.local_endpoint().port();
    }
    auto route = route_to(port, {at("127.0.0.1"), at("127.0.0.2")});
    auto gate = make_tcp_gate(route, clock);
    const auto outcome = attempt(context, clock, *gate, 1s);
    CHECK(outcome.answer == Answer::not_yet);
    CHECK(outcome.why == "127.0.0.1:" + std::to_string(port) + " refuses connections; 127.0.0.2:" +
                             std::to_string(port) + " refuses connections");
    CHECK(gate->advice().find("nothing listens") != std::string::npos);
    CHECK_FALSE(route.answered.has_value());
}

TEST_CASE("swallowed packets end the try after its own timeout") {
    asio::io_context context;
    HeldClock clock;
    BlackHole hole(context);
    auto route = route_to(hole.acceptor.local_endpoint().port(), {at("127.0.0.1")});
    auto gate = make_tcp_gate(route, clock);
    const auto start = clock.now();
    const auto outcome = attempt_while_time_passes(context, clock, *gate, 10s);
    CHECK(outcome.answer == Answer::not_yet);
    CHECK(outcome.why == describe_endpoint(hole.acceptor.local_endpoint()) + " does not answer");
    CHECK(clock.now() - start == 500ms);
    CHECK(gate->advice().find("network policy") != std::string::npos);
}

TEST_CASE("packets that come through again are noticed at the next connect") {
    asio::io_context context;
    HeldClock clock;
    BlackHole hole(context);
    auto route = route_to(hole.acceptor.local_endpoint().port(), {at("127.0.0.1")});
    auto gate = make_tcp_gate(route, clock);
    const auto start = clock.now();
    std::optional<Attempt> ended;
    asio::co_spawn(context, gate->attempt(clock.now() + 10s),
                   [&](const std::exception_ptr&, Attempt outcome) { ended = std::move(outcome); });
    while (context.poll() != 0) {
    }
    CHECK_FALSE(ended);
    hole.open();
    clock.advance_to_next();
    context.run();
    REQUIRE(ended);
    CAPTURE(ended->why);
    CHECK(ended->answer == Answer::open);
    CHECK(clock.now() - start == 125ms);
}

TEST_CASE("the deadline cuts a try short") {
    asio::io_context context;
    HeldClock clock;
    BlackHole hole(context);
    auto route = route_to(hole.acceptor.local_endpoint().port(), {at("127.0.0.1")});
    auto gate = make_tcp_gate(route, clock);
    const auto start = clock.now();
    CHECK(attempt_while_time_passes(context, clock, *gate, 120ms).answer == Answer::not_yet);
    CHECK(clock.now() - start == 120ms);
}

TEST_CASE("an address that swallows packets does not hold up one that answers") {
    asio::io_context context;
    HeldClock clock;  // stands still: no timeout can be what ends the race
    BlackHole hole(context);
    const auto port = hole.acceptor.local_endpoint().port();
    const tcp::acceptor listener(context, {at("127.0.0.2"), port});
    auto route = route_to(port, {at("127.0.0.1"), at("127.0.0.2")});
    auto gate = make_tcp_gate(route, clock);
    CHECK(attempt(context, clock, *gate, 10s).answer == Answer::open);
    CHECK(route.answered->address() == at("127.0.0.2"));
}

TEST_CASE("an unreachable network: reported as such") {
    asio::io_context context;
    HeldClock clock;
    auto route = route_to(8050, {at("255.255.255.255")});  // no TCP peer can have it
    auto gate = make_tcp_gate(route, clock);
    const auto outcome = attempt(context, clock, *gate, 1s);
    CHECK(outcome.answer == Answer::not_yet);
    CHECK(outcome.why.find("unreachable") != std::string::npos);
}

TEST_CASE("a try leaves no descriptor open") {
    asio::io_context context;
    HeldClock clock;
    BlackHole hole(context);
    auto route = route_to(hole.acceptor.local_endpoint().port(), {at("127.0.0.1"), at("::1")});
    auto gate = make_tcp_gate(route, clock);
    static_cast<void>(attempt_while_time_passes(context, clock, *gate, 100ms));
    const auto before = open_descriptors();
    static_cast<void>(attempt_while_time_passes(context, clock, *gate, 100ms));
    CHECK(open_descriptors() == before);
}

TEST_CASE("without an address there is nothing to try") {
    asio::io_context context;
    HeldClock clock;
    auto route = route_to(8050, {});
    route.answered = tcp::endpoint(at("10.0.0.1"), 8050);
    auto gate = make_tcp_gate(route, clock);
    CHECK(attempt(context, clock, *gate, 1s).answer == Answer::not_yet);
    CHECK_FALSE(route.answered.has_value());
}

TEST_CASE("the subject of TCP is host and port, IPv6 in brackets") {
    HeldClock clock;
    Route name = route_to(8050, {});
    CHECK(make_tcp_gate(name, clock)->subject() == "pod-0.service:8050");
    Route literal{.host = "fd00::4", .port = 8050, .addresses = {}, .answered = {}};
    CHECK(make_tcp_gate(literal, clock)->subject() == "[fd00::4]:8050");
}
