// SPDX-License-Identifier: Apache-2.0
// What Flux demands of [bootstrap]: keys, the URIs that hosts get, the parents that they name.
#pragma once

#include <optional>
#include <string_view>

#include "fluxpod/base/or_cause.hpp"
#include "toml_tree.hpp"

namespace fluxpod {

[[nodiscard]] OrCause<void> check_bootstrap(const Toml& root,
                                            std::optional<std::string_view> own_hostname);

}  // namespace fluxpod
