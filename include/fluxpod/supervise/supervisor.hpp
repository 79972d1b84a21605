// SPDX-License-Identifier: Apache-2.0
// fluxpod stays above its broker, as PID 1 or as a sub-reaper (run --supervise). The behaviours are
// listed in docs/pid1.md.
//
// A follower whose parent is lost goes back to the gates and starts its broker again. A lead's
// broker is started once: its status is the pod's. SIGTERM, SIGINT and SIGQUIT end the broker in
// order, within a grace period that bounds every step of the end; a second one ends everything at
// once; every other signal is the broker's.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/process/reaper.hpp"
#include "fluxpod/settings/settings.hpp"
#include "fluxpod/supervise/parent_watch.hpp"

namespace fluxpod {

struct Supervised {
    Program broker;
    std::function<void(const Error&)> report_exec_failure;
    bool is_lead = true;
    bool has_program = false;  // the lead's own, whose status is the broker's
    WhenParentLeaves when_parent_leaves = WhenParentLeaves::automatic;
    // From the first signal to the end of everything. SIGKILL comes earlier by a reserve, so that
    // fluxpod can still report how the broker ended before Kubernetes kills it.
    Duration grace{};
    std::uint64_t seed = 0;  // of jitter

    // Before each start of the broker: whatever must be waited for and written.
    std::function<Task<Result<int>>()> approach;
    // The broker runs.
    std::function<void()> launched = [] {};
    // Followers: ends when the parent is lost, with how that showed. Notes what it sees.
    std::function<Task<std::string>(ParentSeen&)> parent_lost;
    // A follower's broker ended since its parent shuts down in order, and will be started again.
    // Quick: nothing else is done meanwhile.
    std::function<Task<void>()> parent_shut_down = []() -> Task<void> { co_return; };
    // Told to end, before the broker is: whatever should be done while it still runs, until `limit`
    // at the latest. Cut off soon after it.
    std::function<Task<void>(TimePoint limit)> before_the_end;
    // A lead whose state is kept, after that: saves it while the broker still runs, since the
    // broker's own dump may come too late on a busy machine. Cut off at `kill_at`, when the broker
    // is killed as well.
    std::function<Task<void>(TimePoint kill_at)> save_early;
    // Whether the program was begun, asked when the lead is told to end: Flux ends with 0 if it was
    // not. Until `limit` at the latest.
    std::function<Task<bool>(TimePoint limit)> program_began;
    // A lead whose state is kept: whether a second SIGTERM could now abort the dump. Such a broker
    // gets no second one, and has nearly the whole grace period. One that gets it abandons its
    // clean-up and ends with a status other than 0, which counts as success: its jobs have ended.
    // Empty: nothing is dumped.
    std::function<Task<bool>()> may_be_dumping;
};

struct Ending {
    int exit_code = 0;
    std::string why;    // of an end that is a failure, as a clause; empty for 0
    bool told = false;  // a signal ended it
};

// Must be called with all signals but those of a fault blocked. An error only if the gates, or the
// start of a process, failed.
[[nodiscard]] Task<Result<Ending>> supervise(Reaper& reaper, Supervised what, Clock& clock);

}  // namespace fluxpod
