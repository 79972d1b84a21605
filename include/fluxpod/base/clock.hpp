// SPDX-License-Identifier: Apache-2.0
// Time as a dependency. Whatever waits takes a Clock, so that a test runs ten minutes of
// waiting in a millisecond.
#pragma once

#include "fluxpod/base/task.hpp"
#include "fluxpod/base/time.hpp"

namespace fluxpod {

class Clock {
  public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
    // Returns at `when` or, if cancelled (see task.hpp), by exception.
    [[nodiscard]] virtual Task<void> sleep_until(TimePoint when) = 0;
};

// Never returns: ends only by cancellation (see task.hpp), with whatever it runs beside. It asks no
// Clock, so that a test's clock does not count it as a sleeper.
[[nodiscard]] Task<void> sleep_for_ever();

// steady_clock and an Asio timer.
class SteadyClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override;
    [[nodiscard]] Task<void> sleep_until(TimePoint when) override;
};

}  // namespace fluxpod
