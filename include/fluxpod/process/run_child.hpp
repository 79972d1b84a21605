// SPDX-License-Identifier: Apache-2.0
// Run a command to its end: a helper such as `flux resource drain`, a hook, a tool. Without a
// shell, in a process group of its own, with a deadline, its output captured or passed through.
#pragma once

#include <cstddef>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/process/reaper.hpp"

namespace fluxpod {

struct ChildRequest {
    Program program;
    std::string input;           // on its stdin; if empty, stdin is /dev/null
    bool capture_output = true;  // else its stdout and stderr are ours
    std::size_t max_captured = std::size_t{64} << 10U;  // of each; the rest is read and dropped
    Duration timeout = std::chrono::seconds(30);
    Duration term_to_kill = std::chrono::seconds(2);
};

struct ChildOutcome {
    int exit_code = 0;  // 128+n if signal n ended it; 126 or 127 if it could not be executed
    std::string output;
    std::string errors;
    bool truncated = false;  // one of the two was longer than max_captured
    bool timed_out = false;  // SIGTERM, and SIGKILL where that did not help, went to its group
};

// Returns when the command has ended, even if a descendant still holds the pipes. An error only if
// no process could be started (126). Cancelled, it kills the command's group and unwinds.
[[nodiscard]] Task<Result<ChildOutcome>> run_child(Reaper& reaper, ChildRequest request,
                                                   Clock& clock);

}  // namespace fluxpod
