// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/task.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "fake_clock.hpp"
#include "fluxpod/base/clock.hpp"

using namespace fluxpod;
using namespace std::chrono_literals;
using fluxpod::test::FakeClock;

namespace {

Task<int> answer() { co_return 42; }
Task<void> nothing() { co_return; }
Task<int> throws() {
    throw std::runtime_error("out of the task");
    co_return 0;
}

Task<std::string> named_sleep(Clock& clock, Duration delay, std::string name) {
    co_await clock.sleep_until(clock.now() + delay);
    co_return name;
}

// Says whether its frame was destroyed, that is, whether it was unwound.
Task<void> sleep_and_mark(Clock& clock, Duration delay, bool& unwound, bool& ended) {
    struct Mark {
        bool& flag;
        ~Mark() { flag = true; }
    };
    const Mark mark{unwound};
    co_await clock.sleep_until(clock.now() + delay);
    ended = true;
}

Task<std::size_t> which_first(Clock& clock, Duration one, Duration other) {
    auto first =
        co_await (clock.sleep_until(clock.now() + one) || clock.sleep_until(clock.now() + other));
    co_return first.index();
}

}  // namespace

TEST_CASE("a task's value comes out of run_task") {
    asio::io_context context;
    CHECK(run_task(context, answer()) == 42);
    run_task(context, nothing());
}

TEST_CASE("a context serves one task after another") {
    asio::io_context context;
    CHECK(run_task(context, answer()) == 42);
    CHECK(run_task(context, answer()) == 42);
}

TEST_CASE("an exception of a task comes out of run_task") {
    asio::io_context context;
    CHECK_THROWS_AS(run_task(context, throws()), std::runtime_error);
    CHECK(run_task(context, answer()) == 42);
}

TEST_CASE("of two racing tasks the loser is unwound before its end") {
    asio::io_context context;
    FakeClock clock;
    bool unwound = false;
    bool ended = false;
    auto race = [&]() -> Task<void> {
        co_await (nothing() || sleep_and_mark(clock, 1h, unwound, ended));
    };
    auto before = clock.now();
    run_task(context, race());
    CHECK(unwound);
    CHECK_FALSE(ended);
    CHECK(clock.now() == before);
}

TEST_CASE("the steady clock's sleep is cancelled by a race that is over") {
    asio::io_context context;
    SteadyClock clock;
    bool unwound = false;
    bool ended = false;
    auto race = [&]() -> Task<void> {
        co_await (nothing() || sleep_and_mark(clock, 1h, unwound, ended));
    };
    run_task(context, race());
    CHECK(unwound);
    CHECK_FALSE(ended);
}

TEST_CASE("the steady clock returns at once from a sleep until now") {
    asio::io_context context;
    SteadyClock clock;
    auto when = clock.now();
    run_task(context, clock.sleep_until(when));
    CHECK(clock.now() >= when);
}

TEST_CASE("the fake clock sleeps without time, in the order of the moments") {
    asio::io_context context;
    FakeClock clock;
    auto start = clock.now();
    CHECK(run_task(context, named_sleep(clock, 24h, "a day")) == "a day");
    CHECK(clock.now() == start + 24h);
    CHECK(run_task(context, which_first(clock, 5s, 2s)) == 1);
    CHECK(clock.now() == start + 24h + 2s);
    CHECK(run_task(context, which_first(clock, 1s, 2s)) == 0);
    CHECK(clock.now() == start + 24h + 3s);
    REQUIRE(clock.sleeps().size() == 5);
    CHECK(clock.sleeps()[1] == 5s);
}

TEST_CASE("a fake sleep until the past leaves the time as it is") {
    asio::io_context context;
    FakeClock clock;
    auto start = clock.now();
    run_task(context, clock.sleep_until(start - 1s));
    CHECK(clock.now() == start);
}
