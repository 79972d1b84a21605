// SPDX-License-Identifier: Apache-2.0
// PID 1 for any command: forwards signals, reaps orphans, keeps the terminal usable, and ends with
// the command's own status. The behaviours, and whose defects they avoid, are listed by number
// in docs/pid1.md; test/cli/test_init.py holds a test for each.
//
// It needs nothing of the image: no /proc, no /dev, no writable file, no thread, no capability, any
// uid, and no descriptor of its own while it runs. It is event-driven (sigwaitinfo(2)): idle means
// no wake-up at all. If it is not PID 1, it is a sub-reaper (prctl(2), PR_SET_CHILD_SUBREAPER).
#pragma once

#include <functional>
#include <optional>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/time.hpp"
#include "fluxpod/process/spawn.hpp"

namespace fluxpod {

struct InitOptions {
    // Signals go to the command's process group instead of the command alone.
    bool group = false;
    // From the first SIGTERM, or from the command's own end, everything that is left has this long
    // before SIGKILL. Unset: nothing is hurried, and orphans do not delay the end.
    std::optional<Duration> grace;
};

struct InitCommand {
    Program program;
    std::function<void(const Error&)> report_exec_failure;  // see SpawnHooks
};

// All signals must be blocked (block_all_signals) since the first statement of main. Returns the
// exit code to end with; an error only if nothing could be started (126).
[[nodiscard]] Result<int> run_as_init(const InitCommand& command, const InitOptions& options);

// Forks. The child gets nullopt and goes on as a sub-reaper without children, with all signals
// blocked and `environment` made its own. The parent is its init, and gets the exit code to end
// with. Whatever descends from the child can then be told from the children of before, which stay
// the parent's with all their orphans (docs/pid1.md, "Processes of others").
[[nodiscard]] Result<std::optional<int>> step_below_an_init(Environment& environment);

}  // namespace fluxpod
