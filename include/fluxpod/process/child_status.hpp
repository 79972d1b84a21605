// SPDX-License-Identifier: Apache-2.0
// What wait(2) said, as an exit code. Pure.
#pragma once

#include <sys/wait.h>

#include "fluxpod/base/exit_codes.hpp"

namespace fluxpod {

// Returns the exit code of a status that says "ended" (WIFEXITED or WIFSIGNALED): 0..255 as it is,
// 128+n for signal n.
[[nodiscard]] inline int exit_code_of(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                  : exit_for_signal(WTERMSIG(wait_status));
}

[[nodiscard]] inline bool has_ended(int wait_status) {
    return WIFEXITED(wait_status) || WIFSIGNALED(wait_status);
}

}  // namespace fluxpod
