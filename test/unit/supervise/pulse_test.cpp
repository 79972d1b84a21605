// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/pulse.hpp"

#include <doctest/doctest.h>

#include <boost/asio/local/stream_protocol.hpp>

#include "temp_dir.hpp"

namespace fluxpod {
namespace {

using asio::local::stream_protocol;
using test::TempDir;

constexpr auto long_enough = std::chrono::seconds(20);

TEST_CASE("a loop that turns answers, as often as it is asked") {
    TempDir dir;
    asio::io_context context(1);
    SteadyClock clock;
    const std::string path = dir / "pulse";
    auto asked = [&]() -> Task<bool> {
        for (int i = 0; i < 3; ++i) {
            auto pulse = co_await check_heartbeat(path, clock, clock.now() + long_enough);
            if (!pulse) co_return false;
        }
        co_return true;
    };
    auto both = [&]() -> Task<bool> {
        auto first = co_await (serve_heartbeat(path) || asked());
        co_return std::get_if<1>(&first) != nullptr&& std::get<1>(first);
    };
    CHECK(run_task(context, both()));
}

TEST_CASE("the socket of an earlier life is taken over, and goes when the pulse ends") {
    TempDir dir;
    asio::io_context context(1);
    SteadyClock clock;
    const std::string path = dir / "pulse";
    { stream_protocol::acceptor left_behind(context, stream_protocol::endpoint(path)); }
    auto both = [&]() -> Task<bool> {
        auto first = co_await (serve_heartbeat(path) ||
                               check_heartbeat(path, clock, clock.now() + long_enough));
        auto* felt = std::get_if<1>(&first);
        co_return felt != nullptr && felt->has_value();
    };
    CHECK(run_task(context, both()));
    CHECK(dir.count() == 0);
}

TEST_CASE("a loop that does not turn is given up in time") {
    TempDir dir;
    asio::io_context context(1);
    SteadyClock clock;
    stream_protocol::acceptor hung(context, stream_protocol::endpoint(dir / "pulse"));
    auto pulse = run_task(context, check_heartbeat(dir / "pulse", clock,
                                                   clock.now() + std::chrono::milliseconds(30)));
    REQUIRE_FALSE(pulse);
    CHECK(pulse.error().cause.find("does not answer") != std::string::npos);
}

TEST_CASE("a loop whose work stalls: the answer is no, with the reason") {
    TempDir dir;
    asio::io_context context(1);
    SteadyClock clock;
    const std::string path = dir / "pulse";
    auto both = [&]() -> Task<std::string> {
        auto first = co_await (serve_heartbeat(path, [] { return "no byte moves"; }) ||
                               check_heartbeat(path, clock, clock.now() + long_enough));
        auto* felt = std::get_if<1>(&first);
        co_return felt == nullptr || *felt ? "yes" : felt->error().cause;
    };
    CHECK(run_task(context, both()) == "no byte moves");
}

TEST_CASE("without a supervisor there is no pulse") {
    TempDir dir;
    asio::io_context context(1);
    SteadyClock clock;
    auto pulse =
        run_task(context, check_heartbeat(dir / "pulse", clock, clock.now() + long_enough));
    REQUIRE_FALSE(pulse);
    CHECK(pulse.error().absent);
    CHECK(pulse.error().cause.find("nobody listens") != std::string::npos);
}

TEST_CASE("no socket can be made: the supervisor goes on without") {
    asio::io_context context(1);
    SteadyClock clock;
    auto both = [&]() -> Task<bool> {
        auto first = co_await (serve_heartbeat("/proc/no/such/pulse") ||
                               clock.sleep_until(clock.now() + std::chrono::milliseconds(10)));
        co_return first.index() == 1;
    };
    CHECK(run_task(context, both()));
}

}  // namespace
}  // namespace fluxpod
