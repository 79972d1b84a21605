// SPDX-License-Identifier: Apache-2.0
// The door to Boost.Program_options, which parses the command line, the variables and the config
// file by the option table, and prints the options of a help. No other file includes the library,
// and its exceptions end here: what is wrong comes back as an OptionFault, which each source words
// in its own way.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "fluxpod/base/environ.hpp"

namespace fluxpod {

struct ParsedOption {
    std::string name;                 // in the option table; empty for an operand
    std::vector<std::string> values;  // none for a flag on the command line
    std::size_t place = 0;            // in a config file the number of its line
};

struct ParsedWords {
    std::vector<ParsedOption> options;  // and operands, in the order of the words
    std::vector<std::string> command;   // after "--", byte for byte
};

struct OptionFault {
    enum class Kind {
        unknown,
        missing_value,
        unwanted_value,  // of a flag
        given_twice,
        no_assignment,  // a line of a config file without "="
        section,        // a line of a config file that begins with "["
    };
    Kind kind = Kind::unknown;
    std::string text;             // the option's or variable's name, else the line
    std::size_t place = 0;        // index of the faulty word, or number of the faulty line
    std::size_t first_place = 0;  // given_twice in a config file: the line of the first time
};

template <class T>
using Parsed = tl::expected<T, OptionFault>;

// The words after the subcommand's name: --name value, --name=value, flags without value, operands.
// No abbreviations. A word that begins with "--" is not taken as a value: the value was forgotten.
[[nodiscard]] Parsed<ParsedWords> parse_words(const std::vector<std::string>& words,
                                              unsigned command_bit);

// Entries NAME=VALUE, each name once; one that is variable_name() of no option is unknown. The
// values of a repeatable option are separated by blanks.
[[nodiscard]] Parsed<std::vector<ParsedOption>> parse_variables(const Environment& variables);

// The lines of a config file.
[[nodiscard]] Parsed<std::vector<ParsedOption>> parse_lines(std::string_view text);

// The options of a command in the sections of the table, in lines of at most 80 columns.
[[nodiscard]] std::string describe_options(unsigned command_bit);

}  // namespace fluxpod
