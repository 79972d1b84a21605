// SPDX-License-Identifier: Apache-2.0
// Where a boot is now, for `fluxpod probe` and for people: one small JSON object below the root,
// replaced whole at each stage. The boot report (boot_report.hpp) is the history of the same
// stages and feeds this file; nothing else writes it.
//
//   {"pod":"fp-1","rank":1,"stage":"gates","since":1767323045.123456,"launches":0,
//    "supervised":false,"parent":"10.244.1.4:8050","reason":""}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

// The stages that a probe knows; others are stages before the launch.
namespace stage {
inline constexpr std::string_view launch = "launch";    // the broker is being started, or runs
inline constexpr std::string_view leaving = "leaving";  // told to end, and on the way
inline constexpr std::string_view failed = "failed";    // with the reason
}  // namespace stage

struct BootState {
    std::string pod;
    std::int64_t rank = -1;      // -1: not known
    std::string stage;           // of the boot report, or "failed"
    double since = 0;            // CLOCK_REALTIME
    std::uint32_t launches = 0;  // how often a broker was started
    bool supervised = false;     // fluxpod stays above the broker
    std::string parent;          // the endpoint that answered last; empty: none, or not known
    std::string reason;          // of "failed": the error's one line
};

[[nodiscard]] std::string encode_state(const BootState& state);
// The error is the cause in words. Hostile input: every process that may write below the root can
// write it.
[[nodiscard]] OrCause<BootState> parse_state(std::string_view text);

// What an earlier life of the container left must not pass for this boot's state.
void forget_state(const std::string& path);

}  // namespace fluxpod
