// SPDX-License-Identifier: Apache-2.0
// Work that blocks (files of gigabytes on a slow volume) on a thread of its own, so that the event
// loop goes on: signals are seen, and probes are answered.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "fluxpod/base/clock.hpp"

namespace fluxpod {

// Shared by the work and by who watches it.
class Progress {
  public:
    // By the work: so many bytes went further. False: it is to stop.
    [[nodiscard]] bool advance(std::uint64_t bytes) {
        bytes_ += bytes;
        return !stopped_;
    }
    void stop() { stopped_ = true; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<bool> stopped_{false};
};

// Notes when bytes moved. Belongs to the loop's thread.
struct Movement {
    std::uint64_t bytes = 0;
    TimePoint since = TimePoint::min();  // when `bytes` was last another number
};

// Runs the work to its end: true. False if no byte moved for `stall_limit`: then the thread is left
// alone, since a system call that hangs cannot be ended, so the work must own all that it touches.
// Cancelled, it stops the work and gives it a second. If no thread can be started, the work runs on
// this one.
[[nodiscard]] Task<bool> run_beside(std::function<void(Progress&)> work, Movement& movement,
                                    Duration stall_limit, Clock& clock);

}  // namespace fluxpod
