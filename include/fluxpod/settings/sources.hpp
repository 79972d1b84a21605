// SPDX-License-Identifier: Apache-2.0
// Flags, environment and config file, each read to rows of option, value and origin. The option
// table knows what a value means, and load decides who wins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/option_table.hpp"

namespace fluxpod {

struct Assignment {
    std::string option;  // name in the option table
    std::string value;
    std::string origin;  // "flag --size"
};

struct CommandLine {
    std::vector<Assignment> assignments;
    std::vector<std::string> operands;
    std::vector<std::string> command;  // after "--", byte for byte
    bool help = false;  // --help or -h is somewhere before "--"; no other word is then read
    unsigned command_bit = used_by::run;  // whose command line it is
};

// The words after the subcommand's name: --name value, --name=value, flags without value. No
// abbreviations. `command_bit` is one of used_by. An option that exists but not for this
// subcommand, an unknown one (with the nearest known name), a missing value, an option that is not
// repeatable and given twice, a stray word where the subcommand takes no operands: error 2.
[[nodiscard]] Result<CommandLine> read_command_line(const std::vector<std::string>& words,
                                                    unsigned command_bit);

// Reads every FLUXPOD_* variable. Kubernetes and Docker make variables for a Service or container
// whose name begins with "fluxpod": they are ignored. FLUXPOD_PORT_8050_TCP_ADDR and its like are
// recognised by their names; one that is an option's as well (FLUXPOD_PORT=tcp://...,
// FLUXPOD_NAME=/web/fluxpod) by a value that only the platform writes. Any other unknown variable
// is error 10 with the nearest known name; for init and wait, which start programs of other images,
// it is a warning (an image may have set ENV FLUXPOD_VERSION). A variable that is set to nothing
// counts as not set, and of several entries of one name the first is meant, as in getenv(3). The
// values of a repeatable option are separated by blanks.
[[nodiscard]] Result<std::vector<Assignment>> read_environment(const Environment& environment,
                                                               unsigned command_bit);

// "name = value" lines; a "#" anywhere begins a comment; flags take true or false; a repeatable
// option is given on several lines; there are no sections. Error 10 with the path and, if known,
// the line.
[[nodiscard]] Result<std::vector<Assignment>> read_config_file(const std::string& path);

}  // namespace fluxpod
