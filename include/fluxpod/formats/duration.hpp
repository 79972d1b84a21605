// SPDX-License-Identifier: Apache-2.0
// Flux Standard Duration (Flux RFC 23): a decimal number with an optional suffix ms, s, m, h or
// d; no suffix means seconds; "infinity" and "inf" are numbers of the RFC, but nothing in
// fluxpod waits without a bound, so they are refused.
#pragma once

#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"
#include "fluxpod/base/time.hpp"

namespace fluxpod {

// The error is the cause in words, for the option's message: "is not a duration such as 30s".
// At most 365 days; fractions are kept to the nanosecond; negative values are refused.
[[nodiscard]] OrCause<Duration> parse_duration(std::string_view text);

// The shortest exact spelling that Flux reads back: "30s", "1500ms", "5m", "0s". Fractions of a
// millisecond are rounded.
[[nodiscard]] std::string format_duration(Duration duration);

// For people: "312ms", "4.2s", "1m30s".
[[nodiscard]] std::string describe_duration(Duration duration);

}  // namespace fluxpod
