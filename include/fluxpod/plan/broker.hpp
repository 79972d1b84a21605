// SPDX-License-Identifier: Apache-2.0
// What a broker is given, from the plan: its config and its arguments. Pure.
#pragma once

#include <string>
#include <vector>

#include "fluxpod/formats/broker_toml.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// The broker's config with its hosts, in the order of their ranks. `parent_endpoint`
// ("tcp://10.244.1.4:8050"), where the parent is known to answer, becomes the `connect` of the
// parent's own entry; empty: Flux finds the parent by its name.
[[nodiscard]] BrokerConfig broker_config(const Plan& plan, const std::string& parent_endpoint = {});

// The words that start the broker, "flux" first. With `restores` Flux is told to restore the
// archive, which must be known to be whole.
[[nodiscard]] std::vector<std::string> broker_argv(const Plan& plan, bool restores = false);

}  // namespace fluxpod
