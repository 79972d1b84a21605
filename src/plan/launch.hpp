// SPDX-License-Identifier: Apache-2.0
// How the broker is started: its attributes, its environment, and the lead's initial program.
#pragma once

#include "fluxpod/base/error.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// `plan` has everything but its launch and what follows from that. Error 10: a --broker-option
// without "=", or a program that cannot be given to Flux.
[[nodiscard]] Result<LaunchPlan> plan_launch(const Settings& settings, const Plan& plan);

// Whether the kernel has another hostname than the pod, which Flux must then be given.
[[nodiscard]] bool has_foreign_hostname(const Identity& identity);

// Whether Flux's job shell has files of ours to read: files/view_rc.hpp, files/affinity_rc.hpp.
[[nodiscard]] bool has_shell_rc(const Plan& plan);

}  // namespace fluxpod
