// SPDX-License-Identifier: Apache-2.0
// The one table of options. The parser, --help, the man page, shell completion, the config file
// and the environment are all made from it, and a test compares them.
//
// An option NAME is the flag --NAME, the variable FLUXPOD_NAME (upper case, "_" for "-") and the
// key NAME of the config file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Which subcommands take an option (bits).
namespace used_by {
inline constexpr unsigned run = 1, render = 2, preflight = 4, wait = 8, keygen = 16, init = 32,
                          install = 64, topology = 128, probe = 256, timeline = 512;
inline constexpr unsigned boot = run | render | preflight;
inline constexpr unsigned all = boot | wait | keygen | init | install | topology | probe | timeline;
// Commands that take words without dashes, and those that take a command after "--".
inline constexpr unsigned operands = wait | keygen | install | probe | timeline;
inline constexpr unsigned command = boot | wait | init;
}  // namespace used_by

struct OptionRow {
    enum class Kind { value, repeated, flag };
    std::string_view name;
    std::string_view metavar;   // "N", "FILE"; empty for a flag
    std::string_view fallback;  // the default as text, for help; empty: none worth naming
    std::string_view help;      // one sentence, no full stop
    unsigned commands;          // used_by bits
    Kind kind;
    // Parses and stores; the error is the cause in words: "is not a number from 1 to 1048576".
    // A flag is given "true" or "false".
    OrCause<void> (*store)(Settings&, std::string_view value);
};

// The groups of the table in the help of a command.
struct OptionSection {
    std::string_view title;
    std::span<const OptionRow> rows;
};

[[nodiscard]] std::span<const OptionRow> option_table();
[[nodiscard]] std::vector<OptionSection> option_sections();  // all of its rows, in their order
[[nodiscard]] const OptionRow* find_option(std::string_view name);
[[nodiscard]] std::string variable_name(
    std::string_view option);  // "wait-timeout" -> "FLUXPOD_WAIT_TIMEOUT"
[[nodiscard]] const OptionRow* option_of_variable(std::string_view variable);

// The subcommands of these bits, in the order of the bits: {"run", "render", "preflight"}.
[[nodiscard]] std::vector<std::string> command_names(unsigned command_bits);

}  // namespace fluxpod
