// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/beside.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "fake_clock.hpp"

using namespace fluxpod;
using namespace std::chrono_literals;

namespace {

bool run(std::function<void(Progress&)> work, Movement& movement, Duration stall_limit) {
    asio::io_context context(1);
    test::FakeClock clock;
    return run_task(context, run_beside(std::move(work), movement, stall_limit, clock));
}

}  // namespace

TEST_CASE("work on a thread of its own: the loop turns meanwhile") {
    std::promise<void> turned;
    asio::io_context context(1);
    SteadyClock clock;
    Movement movement;
    auto work = [&](Progress&) { turned.get_future().wait(); };
    auto both = [&]() -> Task<bool> {
        asio::post(context, [&] { turned.set_value(); });
        co_return co_await run_beside(work, movement, 20s, clock);
    };
    CHECK(run_task(context, both()));
}

TEST_CASE("work that moves bytes: not given up, however long it takes") {
    std::atomic<bool> enough = false;
    asio::io_context context(1);
    Movement movement;
    auto work = [&](Progress& progress) {
        while (!enough && progress.advance(1)) std::this_thread::yield();
    };
    // An hour of the test's clock, a step of which begins only after another byte has moved.
    class Paced final : public Clock {
      public:
        Paced(Movement& movement, std::atomic<bool>& enough)
            : movement_(movement), enough_(enough) {}
        [[nodiscard]] TimePoint now() const override { return now_; }
        [[nodiscard]] Task<void> sleep_until(TimePoint) override {
            now_ += movement_.bytes == seen_ ? 0s : 50s;
            seen_ = movement_.bytes;
            enough_ = now_ > TimePoint(2h);
            co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        }

      private:
        Movement& movement_;
        std::atomic<bool>& enough_;
        std::uint64_t seen_ = 0;
        TimePoint now_{1h};
    } paced(movement, enough);
    CHECK(run_task(context, run_beside(work, movement, 60s, paced)));
    CHECK(movement.bytes > 0);
}

TEST_CASE("work that moves nothing: given up at the limit and told to stop") {
    auto stopped = std::make_shared<std::promise<void>>();
    auto seen = stopped->get_future();
    Movement movement;
    auto work = [stopped](Progress& progress) {
        while (progress.advance(0)) std::this_thread::yield();
        stopped->set_value();
    };
    CHECK_FALSE(run(work, movement, 60s));
    seen.wait();
}

TEST_CASE("work whose waiter is cancelled: stopped before the waiter goes") {
    asio::io_context context(1);
    SteadyClock clock;
    Movement movement;
    std::atomic<bool> stopped = false;
    auto work = [&](Progress& progress) {
        while (progress.advance(1)) std::this_thread::yield();
        stopped = true;
    };
    auto both = [&]() -> Task<bool> {
        auto first = co_await (run_beside(work, movement, 20s, clock) ||
                               clock.sleep_until(clock.now() + 1ms));
        co_return first.index() == 1;
    };
    CHECK(run_task(context, both()));
    CHECK(stopped);
}
