// SPDX-License-Identifier: Apache-2.0
// Each subcommand is a row; dispatch, help, man page and completion are made from it.
#pragma once

#include <csignal>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/load.hpp"
#include "fluxpod/settings/settings.hpp"
#include "fluxpod/settings/sources.hpp"

namespace fluxpod {

// What main hands to a command: the outside world, as values.
struct Invocation {
    CommandLine line;
    Environment environment;
    ConfigFile config;
    sigset_t inherited_mask{};
};

struct CommandRow {
    std::string_view name;
    std::string_view synopsis;     // follows the name: "[options] [-- COMMAND...]"
    std::string_view purpose;      // one line
    std::string_view description;  // a paragraph for --help and the man page
    unsigned option_bit;           // used_by; 0: its words reach it unread, as operands
    // The exit code of a run without error, or the error that main prints.
    Result<int> (*run)(Invocation&);
};

[[nodiscard]] std::span<const CommandRow> command_table();
[[nodiscard]] const CommandRow* find_command(std::string_view name);
[[nodiscard]] std::vector<std::string> all_command_names();
// Error 2 with the nearest name, or with the place of options on the command line.
[[nodiscard]] Error no_such_command(const std::string& word);

// Splits the words after the program's name, finds the row, runs it, prints its one error, writes
// the termination message, and returns the exit code. All of main but the signal mask. An exception
// that gets here (no memory, no thread to be had) is one line and exit code 126.
int run_fluxpod(const std::vector<std::string>& words, Environment environment,
                const sigset_t& inherited_mask);

// Tells an error, as one line on stderr and as the pod's termination message, and returns its exit
// code.
int report_error(const Error& error, const Settings& outlets);

// Writes a command's result to stdout, at once. Returns 0, 128+n if signal n came while nobody
// read, or error 13. A reader that has left ends the process by SIGPIPE.
[[nodiscard]] Result<int> print(std::string_view text);

Result<int> run_command(Invocation& invocation);  // run.cpp: THE BOOT
Result<int> init_command(Invocation& invocation);
Result<int> render_command(Invocation& invocation);
Result<int> preflight_command(Invocation& invocation);
Result<int> wait_command(Invocation& invocation);
Result<int> keygen_command(Invocation& invocation);
Result<int> install_command(Invocation& invocation);
Result<int> topology_command(Invocation& invocation);
Result<int> timeline_command(Invocation& invocation);
Result<int> probe_command(Invocation& invocation);
Result<int> help_command(Invocation& invocation);

}  // namespace fluxpod
