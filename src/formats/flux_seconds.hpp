// SPDX-License-Identifier: Apache-2.0
// Durations in a user's TOML as flux-core reads them, which is more than RFC 23 and more than
// fluxpod's own options take (duration.hpp).
#pragma once

#include <string>

#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

// Returns seconds, or infinity. Reads what flux-core's fsd_parse_duration reads: what strtod(3)
// takes, then one of five units or the end. "730d", "Infinity", "0x10" and "" are durations.
[[nodiscard]] OrCause<double> flux_seconds(const std::string& text);

}  // namespace fluxpod
