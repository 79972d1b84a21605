// SPDX-License-Identifier: Apache-2.0
// Become the broker or the job: this process is replaced, so that no fluxpod stays behind.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"

namespace fluxpod {

// The file that execvp(3) would run: argv0 itself if it has a slash, else the first executable of
// that name in the environment's PATH (POSIX default path if PATH is unset). Error 127 where there
// is none, naming PATH; 126 where it is there but not executable.
[[nodiscard]] Result<std::string> find_program(const std::string& argv0,
                                               const Environment& environment);

// Restores `inherited` as the signal mask and calls execve(2). Returns only on failure: 127 for
// ENOENT, 126 for everything else. A script without
// "#!" is run by /bin/sh, as execvp(3) does.
[[nodiscard]] Error exec_program(const std::string& path, const std::vector<std::string>& argv,
                                 const Environment& environment, const sigset_t& inherited);

}  // namespace fluxpod
