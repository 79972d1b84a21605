// SPDX-License-Identifier: Apache-2.0
// The only retry loop: gates in order, deadline, backoff with jitter, a log line when an answer
// changes and never one per try, cancellation at once (Asio's, see base/task.hpp).
//
// A delay counts from the start of the failed try, so that a try that took long is followed at
// once. An answer that comes and goes is logged again only every ten seconds.
//
// After a gate that is not open yet, the next round begins with the first gate again: an address
// that stopped answering may have been given to another pod meanwhile.
#pragma once

#include <string>
#include <vector>

#include "fluxpod/base/backoff.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

struct StageSummary {
    std::string gate;  // Gate::name()
    unsigned tries = 0;
    Duration opened_after{};  // from the wait's start to when it last opened; zero if never
    bool open = false;
    std::string last_answer;  // why it was not open, at its last try that failed
    int own_fault = 0;        // Attempt::own_fault of that try
};

struct WaitSummary {
    Duration elapsed{};
    std::vector<StageSummary> stages;  // in the gates' order
};

struct WaitPolicy {
    Duration timeout{};
    BackoffPolicy backoff;   // of gates that have no pace of their own
    std::uint64_t seed = 0;  // of the jitter
};

// Opens all gates or fails: "never" at once, else at start + timeout, not before and not after,
// with the exit code of the gate that stayed shut and every stage's last answer in the message. If
// this pod itself could not make the last attempt, the code is 126 and the message says so.
// `doing` begins the message: "wait for the parent broker".
[[nodiscard]] Task<Result<WaitSummary>> wait_for_gates(std::string doing, std::vector<Gate*> gates,
                                                       WaitPolicy policy, Clock& clock);

}  // namespace fluxpod
