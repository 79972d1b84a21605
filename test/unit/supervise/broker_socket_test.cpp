// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/broker_socket.hpp"

#include <doctest/doctest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>

#include "fluxpod/formats/flux_message.hpp"
#include "fluxpod/supervise/local_socket.hpp"
#include "temp_dir.hpp"

namespace fluxpod {
namespace {

using namespace std::string_literals;
using asio::local::stream_protocol;
using test::TempDir;
using StateAnswer = Answer<std::string>;

std::string response(const std::string& payload, char error_number = 0) {
    const std::string topic = "state-machine.get";
    const bool any = !payload.empty();
    std::string message = "\x00"s + static_cast<char>(topic.size()) + topic;
    if (any) message += static_cast<char>(payload.size() + 1) + payload + "\x00"s;
    message += "\x14\x8e\x01\x02"s + (any ? "\x0b" : "\x09") + std::string(11, '\0') +
               error_number + "\x00\x00\x00\x01"s;
    // The header of a request, with another size.
    std::string header = encode_flux_request({.topic = "x"}).substr(0, flux_header_size);
    header.back() = static_cast<char>(message.size());
    return header + message;
}

// Listens like a broker. It says `welcome`, then answers a request with `answer`.
struct Broker {
    TempDir dir;
    std::string path = dir / "local";
    std::string welcome = "\x00"s;
    std::string answer = response(R"({"state":"run","duration":1.5})");

    Task<void> serve(stream_protocol::acceptor& acceptor) {
        auto stream = co_await acceptor.async_accept(asio::use_awaitable);
        co_await asio::async_write(stream, asio::buffer(welcome), asio::use_awaitable);
        std::string request = encode_flux_request({.topic = "state-machine.get"});
        const auto [ended, count] =
            co_await asio::async_read(stream, asio::buffer(request), as_result);
        if (ended) co_return;
        co_await asio::async_write(stream, asio::buffer(answer), asio::use_awaitable);
    }

    StateAnswer ask(Duration patience = std::chrono::seconds(20)) {
        asio::io_context context(1);
        stream_protocol::acceptor acceptor(context, stream_protocol::endpoint(path));
        SteadyClock clock;
        auto both = [&]() -> Task<StateAnswer> {
            asio::co_spawn(context, serve(acceptor), asio::detached);
            auto state = co_await ask_broker_state(path, clock, clock.now() + patience);
            acceptor.close();
            co_return state;
        };
        return run_task(context, both());
    }
};

TEST_CASE("a broker's state is asked over its socket") {
    auto state = Broker().ask();
    REQUIRE(state);
    CHECK(*state == "run");
}

TEST_CASE("no listener: the broker is absent") {
    TempDir dir;
    asio::io_context context(1);
    SteadyClock clock;
    { stream_protocol::acceptor acceptor(context, stream_protocol::endpoint(dir / "left-behind")); }
    for (const char* name : {"missing", "left-behind"}) {
        auto state = run_task(
            context, ask_broker_state(dir / name, clock, clock.now() + std::chrono::seconds(20)));
        REQUIRE_FALSE(state);
        CHECK(state.error().absent);
        CHECK(state.error().cause.find(dir / name) != std::string::npos);
    }
}

TEST_CASE("a broker that accepts and says nothing is there, and is given up in time") {
    Broker broker;
    broker.welcome.clear();
    auto state = broker.ask(std::chrono::milliseconds(50));
    REQUIRE_FALSE(state);
    CHECK_FALSE(state.error().absent);
    CHECK(state.error().cause.find("does not answer") != std::string::npos);
}

TEST_CASE("a broker whose queue of connections is full is not waited for") {
    TempDir dir;
    asio::io_context context(1);
    stream_protocol::acceptor acceptor(context);
    acceptor.open();
    acceptor.bind(dir / "local");
    acceptor.listen(0);
    std::vector<LocalStream> waiting;
    tl::expected<LocalStream, LocalFailure> next = tl::unexpected(LocalFailure{});
    while ((next = connect_local(context.get_executor(), dir / "local"))) {
        waiting.push_back(std::move(*next));
        REQUIRE(waiting.size() < 10);
    }
    CHECK_FALSE(next.error().nobody_there);
    CHECK(next.error().cause.find("accepts nobody") != std::string::npos);
}

TEST_CASE("an answer that no broker gives: refused with its reason") {
    struct Row {
        std::string welcome, answer, reason;
    };
    const Row rows[] = {
        {"\x0d"s, "", "Permission denied"},
        {"\x00"s, "HTTP/1.1 400 Bad Request\r\n", "local connector"},
        {"\x00"s, response("", 38), "Function not implemented"},
        {"\x00"s, response("[]"), "names no state"},
        {"\x00"s, response(R"({"state":7})"), "names no state"},
        {"\x00"s, response("{"), "names no state"},
        {"\x00"s, response("{}").substr(0, 20), "End of file"},
    };
    for (const auto& row : rows) {
        Broker broker;
        broker.welcome = row.welcome;
        broker.answer = row.answer;
        auto state = broker.ask();
        REQUIRE_FALSE(state);
        CHECK_FALSE(state.error().absent);
        CAPTURE(state.error().cause);
        CHECK(state.error().cause.find(row.reason) != std::string::npos);
    }
}

TEST_CASE("a path too long for a socket is an error and no crash") {
    asio::io_context context(1);
    SteadyClock clock;
    auto state = run_task(context, ask_broker_state("/" + std::string(200, 'x'), clock,
                                                    clock.now() + std::chrono::seconds(20)));
    REQUIRE_FALSE(state);
    CHECK(state.error().cause.find("name too long") != std::string::npos);
}

}  // namespace
}  // namespace fluxpod
