// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/rejoin_budget.hpp"

namespace fluxpod {

RejoinBudget::RejoinBudget(std::uint64_t seed)
    : backoff_(
          {.first = std::chrono::milliseconds(500), .most = std::chrono::minutes(1), .factor = 2},
          seed) {}

std::optional<Duration> RejoinBudget::next(TimePoint now, bool had_joined) {
    while (!rejoins_.empty() && now - rejoins_.front() >= window) rejoins_.pop_front();
    if (rejoins_.size() >= max_in_window) return std::nullopt;
    rejoins_.push_back(now);
    if (had_joined) {
        failures_ = 0;
        backoff_.reset();
        return Duration{};
    }
    if (++failures_ > max_failures_in_a_row) return std::nullopt;
    return backoff_.next();
}

}  // namespace fluxpod
