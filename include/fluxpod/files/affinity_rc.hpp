// SPDX-License-Identifier: Apache-2.0
// Flux's job shell binds each job to the cores that R gives it, by their logical numbers. The pods
// of one node all have the same numbers, so jobs of shares that float would meet on the first
// cores while others are idle. This file has the job shell leave the placement to the kernel
// (flux-shell-initrc(5), FLUX_SHELL_RC_PATH), as -o cpu-affinity=off does. A job that sets
// cpu-affinity itself keeps what it asked for.
#pragma once

#include <string>

namespace fluxpod {

// In Lua.
[[nodiscard]] std::string render_affinity_rc();

}  // namespace fluxpod
