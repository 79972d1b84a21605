// SPDX-License-Identifier: Apache-2.0
// One question to our own broker over its local socket: in which state it is. No process is
// started for it: the probe of a pod runs every few seconds, next to jobs.
#pragma once

#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"

namespace fluxpod {

struct NoBrokerState {
    // Nobody listens there: the broker has not come so far, or has ended. Otherwise somebody does
    // and did not answer as a broker should, in time.
    bool absent = false;
    std::string cause;  // "nobody listens on /run/fluxpod/run/flux/local (Connection refused)"
};

// "join", "init", "quorum", "run", "cleanup", "shutdown", ... as flux-uptime(1) has them. Ends at
// `give_up` at the latest.
[[nodiscard]] Task<tl::expected<std::string, NoBrokerState>> ask_broker_state(
    const std::string& socket_path, Clock& clock, TimePoint give_up);

}  // namespace fluxpod
