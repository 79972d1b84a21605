// SPDX-License-Identifier: Apache-2.0
// Flags > FLUXPOD_* environment > config file > MiniCluster > defaults, to one immutable Settings.
#pragma once

#include <string>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/settings.hpp"
#include "fluxpod/settings/sources.hpp"

namespace fluxpod {

inline constexpr const char* default_config_file = "/etc/fluxpod/fluxpod.conf";

// The config file is --config or FLUXPOD_CONFIG, else default_config_file if it exists. Checks that
// concern several options at once: min-size <= size <= max-size (each named with its origin),
// topology custom and --parent together, at most one of --curve-cert and --curve-secret. Warnings
// of the MiniCluster are logged.
[[nodiscard]] Result<Settings> load_settings(const CommandLine& command_line,
                                             const Environment& environment);

}  // namespace fluxpod
