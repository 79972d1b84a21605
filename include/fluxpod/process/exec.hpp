// SPDX-License-Identifier: Apache-2.0
// Become the broker or the job: this process is replaced, so that no fluxpod stays behind.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"

namespace fluxpod {

// Fills descriptors 0, 1 and 2 if they were closed, so that no file of ours lands there and
// receives what is meant for stderr. Close-on-exec: the child finds them closed, as we did.
void reserve_standard_descriptors();

// The file that execvp(3) would run: argv0 itself if it has a slash, else the first executable file
// of that name in the environment's PATH, or in "/bin:/usr/bin" if PATH is unset. Error 127 if
// there is no such file, 126 if it is not an executable file.
[[nodiscard]] Result<std::string> find_program(const std::string& argv0,
                                               const Environment& environment);

// Sets `mask` as the signal mask and calls execve(2); a script without "#!" is run by /bin/sh, as
// execvp(3) does. A signal that ends a boot and was pending, or comes before execve(2), ends this
// process with 128+n. Returns only on failure, with our own mask again: error 127 for ENOENT, 126
// for everything else.
[[nodiscard]] Error exec_program(const std::string& path, const std::vector<std::string>& argv,
                                 const Environment& environment, const sigset_t& mask);

}  // namespace fluxpod
