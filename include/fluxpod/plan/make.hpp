// SPDX-License-Identifier: Apache-2.0
// Settings, identity and the machine's facts to a Plan. Pure: the heart of the tests.
#pragma once

#include <optional>
#include <string>

#include "fluxpod/base/error.hpp"
#include "fluxpod/node/node_rule.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// `node` may be absent where resources are discovered and the node rule is off. `user_toml` is the
// content of
// --broker-config, read by the caller. Refused: a cluster of more than one without certificate
// (14); a rundir longer than Flux's 96 characters, a custom topology with a cycle, a broker option
// without "=" (10).
[[nodiscard]] Result<Plan> make_plan(const Settings& settings, const Identity& identity,
                                     const BindChoice& bind, const std::optional<NodeShare>& node,
                                     const std::string& user_toml);

}  // namespace fluxpod
