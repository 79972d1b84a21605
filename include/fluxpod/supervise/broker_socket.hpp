// SPDX-License-Identifier: Apache-2.0
// Questions to our own broker over its local socket. No process is started for them: a probe runs
// every few seconds next to jobs, and at the end of a pod a start of Python can take longer than
// the whole grace period.
#pragma once

#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/flux_message.hpp"

namespace fluxpod {

struct NoAnswer {
    // Nobody listens there: the broker has not come so far, or has ended. Otherwise somebody does
    // and did not answer as a broker should, in time.
    bool absent = false;
    // What the broker answered instead: ENOSYS if nobody in the instance has that service. 0: it
    // did not answer.
    int error_number = 0;
    std::string cause;  // "nobody listens on /run/fluxpod/run/flux/local (Connection refused)"
};
template <class T>
using Answer = tl::expected<T, NoAnswer>;

// The payload of the response, which may be empty. Ends at `give_up` at the latest; the broker has
// the request by then, and may still act on it.
[[nodiscard]] Task<Answer<std::string>> ask_broker(const std::string& socket_path,
                                                   FluxRequest request, Clock& clock,
                                                   TimePoint give_up);

// "join", "init", "quorum", "run", "cleanup", "shutdown", ... as flux-uptime(1) has them.
[[nodiscard]] Task<Answer<std::string>> ask_broker_state(const std::string& socket_path,
                                                         Clock& clock, TimePoint give_up);

}  // namespace fluxpod
