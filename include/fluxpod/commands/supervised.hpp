// SPDX-License-Identifier: Apache-2.0
// run --supervise: what launch/supervisor.hpp needs to know of this pod, and how its end is told.
#pragma once

#include <functional>

#include "fluxpod/commands/boot.hpp"
#include "fluxpod/launch/spawn.hpp"

namespace fluxpod {

// Starts the broker behind `pass_gates`, again and again if need be, and returns the exit code to
// end with. `parent` is what `pass_gates` found last, and is told there when it shuts down in
// order.
[[nodiscard]] Result<int> stay_above(const Program& broker, const DecidedPod& pod,
                                     const Settings& settings, BootReport& report,
                                     std::function<Task<Result<int>>()> pass_gates,
                                     ParentFound& parent);

}  // namespace fluxpod
