// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until the test moves it, for tests with sockets: the scripted peer
// moves the time when a packet reaches it, so that nothing depends on the machine's speed.
// (fake_clock.hpp moves by itself and is for tests without sockets.)
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <map>

#include "fluxpod/base/clock.hpp"

namespace fluxpod::test {

class HeldClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override { return now_; }

    void advance(Duration by) {
        now_ += by;
        for (auto& [when, timer] : sleepers_) {
            if (when > now_) break;
            timer->cancel();
        }
    }
    // To where the next sleeper wakes; false if nobody sleeps.
    bool advance_to_next() {
        if (sleepers_.empty()) return false;
        advance(sleepers_.begin()->first - now_);
        return true;
    }

    [[nodiscard]] Task<void> sleep_until(TimePoint when) override {
        if (when <= now_) co_return;
        asio::steady_timer timer(co_await asio::this_coro::executor,
                                 asio::steady_timer::time_point::max());
        const Entry entry(*this, when, timer);
        static_cast<void>(co_await timer.async_wait(as_result));
        if (now_ < when) throw boost::system::system_error(asio::error::operation_aborted);
    }

  private:
    using Sleepers = std::multimap<TimePoint, asio::steady_timer*>;
    class Entry {
      public:
        Entry(HeldClock& clock, TimePoint when, asio::steady_timer& timer)
            : clock_(clock), place_(clock.sleepers_.emplace(when, &timer)) {}
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry() { clock_.sleepers_.erase(place_); }

      private:
        HeldClock& clock_;
        Sleepers::iterator place_;
    };

    TimePoint now_{std::chrono::hours(1)};
    Sleepers sleepers_;
};

}  // namespace fluxpod::test
