// SPDX-License-Identifier: Apache-2.0
// Time's units: nanoseconds on the monotonic clock, always; a node's wall clock may jump while a
// pod boots.
#pragma once

#include <chrono>

namespace fluxpod {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace fluxpod
