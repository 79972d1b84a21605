// SPDX-License-Identifier: Apache-2.0
// run --supervise: what supervise/supervisor.hpp needs to know of this pod, and how its end is
// reported.
#pragma once

#include <functional>

#include "fluxpod/commands/boot.hpp"
#include "fluxpod/process/spawn.hpp"

namespace fluxpod {

// Waits for the parent, and writes its address into the config if the plan says so: before each
// start of a broker. 0, or an error.
using PassGates = std::function<Task<Result<int>>()>;

// Starts the broker after `gates`, again and again if needed, and returns the exit code to end
// with. `parent` is what `gates` found last, and learns there when the parent shuts down in order.
[[nodiscard]] Stage<int> run_supervised(const Program& broker, const Plan& plan,
                                        const PodFacts& facts, const Settings& settings,
                                        BootReport& report, const PassGates& gates,
                                        ParentFound& parent);

}  // namespace fluxpod
