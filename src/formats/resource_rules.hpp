// SPDX-License-Identifier: Apache-2.0
// What Flux demands of [resource].
#pragma once

#include "fluxpod/base/or_cause.hpp"
#include "toml_tree.hpp"

namespace fluxpod {

[[nodiscard]] OrCause<void> check_resource(const Toml& root);

}  // namespace fluxpod
