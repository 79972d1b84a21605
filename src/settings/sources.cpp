// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/settings/option_parser.hpp"

namespace fluxpod {

namespace {

constexpr std::string_view variable_prefix = "FLUXPOD_";

std::vector<std::string> option_names(unsigned command_bits) {
    std::vector<std::string> names;
    for (const auto& row : option_table()) {
        if ((row.commands & command_bits) != 0) names.emplace_back(row.name);
    }
    return names;
}

Error unusable_option(const std::string& name, std::string cause, std::string hint = "") {
    return usage_error("use the option", "--" + name, std::move(cause), std::move(hint));
}

Error unknown_option(const std::string& name, unsigned command_bit) {
    if (const auto* row = find_option(name)) {
        return unusable_option(name, "this command does not take it",
                               "it is an option of " + join(command_names(row->commands), ", "));
    }
    auto known = option_names(command_bit);
    known.emplace_back("help");
    auto near = nearest(name, known);
    return unusable_option(name, "there is no such option",
                           near ? "did you mean --" + *near + "?"
                                : "see fluxpod help " + join(command_names(command_bit), " "));
}

Error missing_value(const std::string& name) {
    const auto* row = find_option(name);
    return unusable_option(
        name, "it needs a value",
        row == nullptr ? "" : fmt::format("write --{} {}", row->name, row->metavar));
}

// "--size=4" -> "size"
std::string bare_name(const std::string& word) {
    const std::string name = word.substr(std::min(word.find_first_not_of('-'), word.size()));
    return name.substr(0, name.find('='));
}

Status take_operand(CommandLine& line, const std::string& word) {
    if (word.size() > 1 && word.front() == '-') {
        auto name = bare_name(word);
        auto near = nearest(name, option_names(line.command_bit));
        return fail(usage_error("use the option", word, "there is no such option",
                                near ? "did you mean --" + *near + "?" : ""));
    }
    if ((line.command_bit & used_by::operands) == 0) {
        return fail(usage_error("use the word", in_quotes(word), "this command takes options only",
                                R"(put "--" before the command that is to be run)"));
    }
    line.operands.push_back(word);
    return {};
}

Status take_words(CommandLine& line, const ParsedWords& words) {
    for (const auto& option : words.options) {
        if (option.name.empty()) {
            if (auto taken = take_operand(line, option.values.front()); !taken) return taken;
            continue;
        }
        line.assignments.push_back({.option = option.name,
                                    .value = option.values.empty() ? "true" : option.values.front(),
                                    .origin = "flag --" + option.name});
    }
    line.command = words.command;
    return {};
}

Error unusable_word(const OptionFault& fault, unsigned command_bit) {
    using Fault = OptionFault::Kind;
    switch (fault.kind) {
        case Fault::missing_value: return missing_value(fault.text);
        case Fault::unwanted_value: return unusable_option(fault.text, "it takes no value");
        case Fault::given_twice:
            return unusable_option(fault.text, "it is given twice", "give it once");
        default: return unknown_option(fault.text, command_bit);
    }
}

}  // namespace

Result<CommandLine> read_command_line(const std::vector<std::string>& words, unsigned command_bit) {
    CommandLine line;
    line.command_bit = command_bit;

    // A request for help is answered, however wrong the rest is.
    const auto dashes = std::ranges::find(words, "--");
    auto asks_help = [](const std::string& word) { return word == "--help" || word == "-h"; };
    if (std::any_of(words.begin(), dashes, asks_help)) {
        line.help = true;
        return line;
    }

    const auto parsed = parse_words(words, command_bit);
    if (!parsed) {
        // A stray word before the fault comes first: in "submit --nodes=4" the "--" is missing.
        const auto faulty = words.begin() + static_cast<std::ptrdiff_t>(parsed.error().place);
        if (const auto before = parse_words({words.begin(), faulty}, command_bit)) {
            if (auto taken = take_words(line, *before); !taken) return fail(taken.error());
        }
        return fail(unusable_word(parsed.error(), command_bit));
    }
    if (auto taken = take_words(line, *parsed); !taken) return fail(taken.error());
    if (!line.command.empty() && (command_bit & used_by::command) == 0) {
        return fail(usage_error("use the word", in_quotes(line.command.front()),
                                "this command runs no other command",
                                R"(leave out what follows "--")"));
    }
    return line;
}

namespace {

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "8050_TCP", "8050_TCP_ADDR": the text after "_PORT_".
bool is_port_link(std::string_view text) {
    constexpr std::array protocols{"TCP", "UDP", "SCTP"};
    constexpr std::array facts{"PROTO", "PORT", "ADDR", "START", "END"};
    auto parts = split(text, '_');
    return parts.size() >= 2 && parts.size() <= 4 && is_number(parts[0]) &&
           std::ranges::find(protocols, parts[1]) != protocols.end() &&
           std::all_of(parts.begin() + 2, parts.end(), [&](const std::string& part) {
               return std::ranges::find(facts, part) != facts.end();
           });
}

bool is_port_link_anywhere(std::string_view name) {
    constexpr std::string_view mark = "_PORT_";
    for (auto at = name.find(mark); at != std::string_view::npos; at = name.find(mark, at + 1)) {
        if (is_port_link(name.substr(at + mark.size()))) return true;
    }
    return false;
}

// "/web/fluxpod-db" in FLUXPOD_DB_NAME: docker --link writes the container and its alias, of which
// the variable's name is made.
bool is_container_link(std::string_view variable, std::string_view value) {
    constexpr std::string_view ending = "_NAME";
    if (!variable.ends_with(ending) || !value.starts_with('/')) return false;
    const auto slash = value.rfind('/');
    std::string alias = lower(value.substr(slash + 1));
    std::ranges::replace(alias, '-', '_');
    return slash > 0 && alias == lower(variable.substr(0, variable.size() - ending.size()));
}

// A value that only a platform writes, also to a variable that an option has.
bool is_link_by_value(std::string_view variable, std::string_view value) {
    if (variable.ends_with("_PORT") && value.find("://") != std::string_view::npos) return true;
    return is_container_link(variable, value);
}

// The variables that a kubelet makes for every Service (Kubernetes, "Discovering services") and
// docker --link for a container, whose name is "fluxpod" or begins with "fluxpod-".
bool is_link_by_name(std::string_view variable) {
    if (variable.ends_with("_SERVICE_HOST") || variable.ends_with("_SERVICE_PORT")) return true;
    if (variable.find("_SERVICE_PORT_") != std::string_view::npos) return true;
    return variable.find("_ENV_") != std::string_view::npos || is_port_link_anywhere(variable);
}

Error unknown_variable(const std::string& variable) {
    std::string option = lower(std::string_view(variable).substr(variable_prefix.size()));
    std::ranges::replace(option, '_', '-');
    auto near = nearest(option, option_names(used_by::all));
    return {.code = ExitCode::settings,
            .doing = "use the variable",
            .subject = variable,
            .cause = "there is no such setting",
            .hint = near ? "did you mean " + variable_name(*near) + "?"
                         : "fluxpod help run lists the options, each of which is a variable"};
}

// Whether a platform made the variable and no option is meant.
bool is_link(const std::string& variable, const std::string& value) {
    if (is_link_by_value(variable, value)) return true;
    return option_of_variable(variable) == nullptr && is_link_by_name(variable);
}

}  // namespace

Result<std::vector<Assignment>> read_environment(const Environment& environment,
                                                 unsigned command_bit) {
    const bool is_strict = (command_bit & (used_by::init | used_by::wait)) == 0;
    std::set<std::string> seen;
    std::vector<std::string> entries;
    for (const auto& entry : environment.entries()) {
        const auto equals = entry.find('=');
        if (equals == std::string::npos || !entry.starts_with(variable_prefix)) continue;
        const std::string variable = entry.substr(0, equals);
        const std::string value = entry.substr(equals + 1);
        if (!seen.insert(variable).second || value.empty() || is_link(variable, value)) continue;
        if (!is_strict && option_of_variable(variable) == nullptr) {
            log::warning("the variable {} is ignored: {}", variable,
                         unknown_variable(variable).cause);
            continue;
        }
        entries.push_back(entry);
    }

    const auto parsed = parse_variables(Environment(std::move(entries)));
    if (!parsed) return fail(unknown_variable(parsed.error().text));
    std::vector<Assignment> assignments;
    for (const auto& option : *parsed) {
        for (const auto& value : option.values) {
            assignments.push_back({option.name, value, variable_name(option.name)});
        }
    }
    return assignments;
}

namespace {

Error unusable_line(const std::string& origin, std::string cause, std::string hint = "") {
    return {.code = ExitCode::settings,
            .doing = "use",
            .subject = origin,
            .cause = std::move(cause),
            .hint = std::move(hint)};
}

std::string line_of_file(std::size_t number, const std::string& path) {
    return fmt::format("line {} of {}", number, path);
}

Error unusable_line(const OptionFault& fault, const std::string& path) {
    using Fault = OptionFault::Kind;
    const std::string origin = line_of_file(fault.place, path);
    switch (fault.kind) {
        case Fault::section: return unusable_line(origin, "the config file has no sections");
        case Fault::no_assignment:
            return unusable_line(origin,
                                 in_quotes(fault.text) + R"( is not of the form "name = value")");
        case Fault::given_twice:
            return unusable_line(origin, fmt::format("{} is given twice, first in {}", fault.text,
                                                     line_of_file(fault.first_place, path)));
        default: break;
    }
    auto near = nearest(fault.text, option_names(used_by::all));
    return unusable_line(origin, "there is no setting " + in_quotes(fault.text),
                         near ? "did you mean " + *near + "?" : "");
}

}  // namespace

Result<std::vector<Assignment>> read_config_file(const std::string& path) {
    auto text = read_file(path);
    if (!text) {
        return fail({.code = ExitCode::settings,
                     .doing = "read the config file",
                     .subject = path,
                     .cause = text.error().cause});
    }
    const auto parsed = parse_lines(*text);
    if (!parsed) return fail(unusable_line(parsed.error(), path));
    std::vector<Assignment> assignments;
    for (const auto& option : *parsed) {
        const std::string origin = line_of_file(option.place, path);
        if (option.name == "config") {
            return fail(unusable_line(origin, "one config file cannot name another"));
        }
        assignments.push_back({option.name, option.values.front(), origin});
    }
    return assignments;
}

}  // namespace fluxpod
