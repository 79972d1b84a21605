// SPDX-License-Identifier: Apache-2.0
// The rules of check_broker_toml, on a tree.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fluxpod/base/or_cause.hpp"
#include "toml_tree.hpp"

namespace fluxpod {

// The error names key and value. The library may throw.
[[nodiscard]] OrCause<void> check_broker_rules(const Toml& root,
                                               std::optional<std::string_view> own_hostname);

}  // namespace fluxpod
