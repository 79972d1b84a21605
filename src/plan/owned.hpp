// SPDX-License-Identifier: Apache-2.0
// What the plan decides, and so nobody else may: keys of broker.toml and attributes of the broker
// that a user's own TOML or --broker-option must not set, each with the option that does.
#pragma once

#include <string>

#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Error 10: the user's value would contradict the gates, the rank or the archive. Everything else
// the user may set, and Flux takes the user's value.
[[nodiscard]] Status check_owned_keys(const Settings& settings, const std::string& user_toml);
[[nodiscard]] Status check_owned_attributes(const Settings& settings);

}  // namespace fluxpod
