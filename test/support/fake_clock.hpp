// SPDX-License-Identifier: Apache-2.0
// A clock that a test owns: sleeping takes no time, it only moves now(). The sleeper with the
// earliest moment wakes first, and only after work that is ready has had its turn, so that
// `attempt() || clock.sleep_until(deadline)` ends as it would in real time. Work that waits for the
// kernel (a socket) is not ready in this sense: a test with sockets uses SteadyClock.
#pragma once

#include <algorithm>
#include <boost/asio/post.hpp>
#include <set>
#include <vector>

#include "fluxpod/base/clock.hpp"

namespace fluxpod::test {

class FakeClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override { return now_; }
    void set(TimePoint now) { now_ = now; }
    void advance(Duration by) { now_ += by; }
    // The sleeps that were asked for, in order, each counted from the now() of its start.
    [[nodiscard]] const std::vector<Duration>& sleeps() const { return sleeps_; }

    [[nodiscard]] Task<void> sleep_until(TimePoint when) override {
        sleeps_.push_back(when - now_);
        const Sleeper sleeper(*this, when);
        // Cancellation, if any, comes out of post as an exception.
        for (int quiet_turns = 0; quiet_turns < 32;) {
            co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
            quiet_turns = when <= *moments_.begin() ? quiet_turns + 1 : 0;
        }
        now_ = std::max(now_, when);
    }

  private:
    // Forgets the moment also when the sleep is cancelled.
    class Sleeper {
      public:
        Sleeper(FakeClock& clock, TimePoint when)
            : clock_(clock), place_(clock.moments_.insert(when)) {}
        Sleeper(const Sleeper&) = delete;
        Sleeper& operator=(const Sleeper&) = delete;
        ~Sleeper() { clock_.moments_.erase(place_); }

      private:
        FakeClock& clock_;
        std::multiset<TimePoint>::iterator place_;
    };

    TimePoint now_{std::chrono::hours(1)};
    std::vector<Duration> sleeps_;
    std::multiset<TimePoint> moments_;
};

}  // namespace fluxpod::test
