// SPDX-License-Identifier: Apache-2.0
// Flags > FLUXPOD_* environment > config file > MiniCluster > defaults, to one immutable Settings.
#pragma once

#include <string>
#include <vector>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/settings.hpp"
#include "fluxpod/settings/sources.hpp"

namespace fluxpod {

// A config file as it was read: once, for it may be a pipe (--config <(...)).
using ConfigFile = Result<std::vector<Assignment>>;

inline constexpr const char* default_config_file = "/etc/fluxpod/fluxpod.conf";

// Reads the config file: --config or FLUXPOD_CONFIG, else default_config_file if it exists.
// Error 10.
[[nodiscard]] ConfigFile find_config(const CommandLine& command_line,
                                     const Environment& environment);

// The source of highest rank that names an option decides it alone: repeatable options are not
// added up. A MiniCluster is read only for subcommands that take --minicluster; its command counts
// where the command line has none. Checks that concern several options at once: min-size <= size <=
// max-size (each named with its origin; a size that nobody gave is not held against --hosts),
// topology custom and --parent together, at most one of --curve-cert and --curve-secret. Warnings
// of the MiniCluster are logged. A value that cannot be right is error 10 wherever it came from.
[[nodiscard]] Result<Settings> load_settings(const CommandLine& command_line,
                                             const Environment& environment,
                                             const ConfigFile& config);

// Only where and how errors are reported (log-level, log-format, quiet, termination-log), from
// flags, environment and config file, as far as each can be read: an error in the settings
// themselves must be reported as well. Ignores what cannot be read; load_settings reports it.
[[nodiscard]] Settings load_outlets(const CommandLine& command_line, const Environment& environment,
                                    const ConfigFile& config);

}  // namespace fluxpod
