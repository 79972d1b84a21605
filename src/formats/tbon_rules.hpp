// SPDX-License-Identifier: Apache-2.0
// What Flux demands of [tbon].
#pragma once

#include "fluxpod/base/or_cause.hpp"
#include "toml_tree.hpp"

namespace fluxpod {

[[nodiscard]] OrCause<void> check_tbon(const Toml& root);

}  // namespace fluxpod
