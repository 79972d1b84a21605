// SPDX-License-Identifier: Apache-2.0
// How often a follower may start its broker again. Pure: the caller passes the time. A broker that
// had joined is followed by the next at once, since the gates wait for the parent anyway; one that
// ended before is followed later and later, and only a few times in a row. Whatever the reason,
// there is a limit in any ten minutes.
#pragma once

#include <deque>
#include <optional>

#include "fluxpod/base/backoff.hpp"

namespace fluxpod {

class RejoinBudget {
  public:
    static constexpr unsigned max_failures_in_a_row = 8;
    static constexpr std::size_t max_in_window = 100;
    static constexpr Duration window = std::chrono::minutes(10);

    explicit RejoinBudget(std::uint64_t seed);
    // After a broker's end: how long to wait before the next, or nothing: give up.
    [[nodiscard]] std::optional<Duration> next(TimePoint now, bool had_joined);

  private:
    Backoff backoff_;
    unsigned failures_ = 0;
    std::deque<TimePoint> rejoins_;
};

}  // namespace fluxpod
