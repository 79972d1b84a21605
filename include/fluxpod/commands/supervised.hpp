// SPDX-License-Identifier: Apache-2.0
// run --supervise: what launch/supervisor.hpp needs to know of this pod, and how its end is
// reported.
#pragma once

#include <functional>

#include "fluxpod/commands/boot.hpp"
#include "fluxpod/launch/spawn.hpp"

namespace fluxpod {

// Starts the broker after `pass_gates`, again and again if needed, and returns the exit code to end
// with. `parent` is what `pass_gates` found last, and learns there when the parent shuts down in
// order.
[[nodiscard]] Result<int> run_supervised(const Program& broker, const PlannedPod& pod,
                                         const Settings& settings, BootReport& report,
                                         std::function<Task<Result<int>>()> pass_gates,
                                         ParentFound& parent);

}  // namespace fluxpod
