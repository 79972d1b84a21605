// SPDX-License-Identifier: Apache-2.0
// What fluxpod says about itself, all of it made from the tables of commands, options and exit
// codes, so that it cannot drift from them. Pure text; no function here prints.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fluxpod/commands/table.hpp"

namespace fluxpod {

struct ExitRow {
    std::string_view code;  // "10", "128+N"
    std::string_view meaning;
};
[[nodiscard]] std::span<const ExitRow> exit_table();

// The commands, a line each.
[[nodiscard]] std::string overview();
// What `fluxpod COMMAND --help` prints.
[[nodiscard]] std::string command_help(const CommandRow& row);
// fluxpod(1) in the man macros; the same bytes as docs/man/fluxpod.1.
[[nodiscard]] std::string man_page();
// A completion script for bash, zsh or fish; nothing for another shell.
[[nodiscard]] std::optional<std::string> completion(std::string_view shell);

// The words of a metavar such as "text|json", where a value is one of them and nothing else.
[[nodiscard]] std::vector<std::string> choices_of(const OptionRow& row);

// Lines of at most `width` columns, each after the first preceded by `indent` blanks.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace fluxpod
