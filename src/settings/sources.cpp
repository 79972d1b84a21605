// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

using Kind = OptionRow::Kind;

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

// The value of the option `word`: after its "=", else `next`, which is then taken.
Result<std::string> take_value(const OptionRow& row, const std::string& word,
                               std::span<const std::string>& rest) {
    const std::string name(row.name);
    const auto equals = word.find('=');
    if (row.kind == Kind::flag) {
        if (equals != std::string::npos) return fail(unusable_option(name, "it takes no value"));
        return "true";
    }
    if (equals != std::string::npos) {
        if (equals + 1 == word.size()) return fail(missing_value(name));
        return word.substr(equals + 1);
    }
    // A value that begins with dashes is rather one forgotten; "=" gives it nevertheless.
    if (rest.empty() || rest.front().starts_with("--")) return fail(missing_value(name));
    std::string value = rest.front();
    rest = rest.subspan(1);
    return value;
}

// Takes the option `word`, and from `rest` the value that belongs to it.
Status take_option(CommandLine& line, const std::string& word, std::span<const std::string>& rest) {
    const std::string name = bare_name(word);
    const auto* row = find_option(name);
    if (row == nullptr || (row->commands & line.command_bit) == 0) {
        return fail(unknown_option(name, line.command_bit));
    }
    auto value = take_value(*row, word, rest);
    if (!value) return fail(value.error());
    auto same = [&](const Assignment& earlier) { return earlier.option == row->name; };
    if (row->kind != Kind::repeated && std::ranges::any_of(line.assignments, same)) {
        return fail(unusable_option(name, "it is given twice", "give it once"));
    }
    line.assignments.push_back(
        {.option = name, .value = std::move(*value), .origin = "flag --" + name});
    return {};
}

}  // namespace

Result<CommandLine> read_command_line(const std::vector<std::string>& words, unsigned command_bit) {
    CommandLine line;
    line.command_bit = command_bit;

    const auto dashes = std::ranges::find(words, "--");
    const std::vector<std::string> before(words.begin(), dashes);
    if (dashes != words.end()) line.command.assign(dashes + 1, words.end());

    // A request for help is answered, however wrong the rest is.
    auto asks_help = [](const std::string& word) { return word == "--help" || word == "-h"; };
    if (std::ranges::any_of(before, asks_help)) {
        line.help = true;
        return line;
    }

    std::span<const std::string> rest = before;
    while (!rest.empty()) {
        const std::string& word = rest.front();
        rest = rest.subspan(1);
        auto taken =
            word.starts_with("--") ? take_option(line, word, rest) : take_operand(line, word);
        if (!taken) return fail(taken.error());
    }
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
            .tried = "",
            .hint = near ? "did you mean " + variable_name(*near) + "?"
                         : "fluxpod help run lists the options, each of which is a variable"};
}

const OptionRow* option_of_variable(std::string_view variable) {
    for (const auto& row : option_table()) {
        if (variable_name(row.name) == variable) return &row;
    }
    return nullptr;
}

}  // namespace

Result<std::vector<Assignment>> read_environment(const Environment& environment,
                                                 unsigned command_bit) {
    const bool is_strict = (command_bit & (used_by::init | used_by::wait)) == 0;
    std::vector<Assignment> assignments;
    std::set<std::string> seen;
    for (const auto& entry : environment.entries()) {
        const auto equals = entry.find('=');
        if (equals == std::string::npos || !entry.starts_with(variable_prefix)) continue;
        const std::string variable = entry.substr(0, equals);
        const std::string value = entry.substr(equals + 1);
        if (!seen.insert(variable).second || value.empty()) continue;
        if (is_link_by_value(variable, value)) continue;
        const auto* row = option_of_variable(variable);
        if (row == nullptr && is_link_by_name(variable)) continue;
        if (row == nullptr) {
            Error unknown = unknown_variable(variable);
            if (is_strict) return fail(std::move(unknown));
            log::warning("the variable {} is ignored: {}", variable, unknown.cause);
            continue;
        }
        auto values = row->kind == Kind::repeated ? split_words(value) : std::vector{value};
        for (auto& each : values) {
            assignments.push_back({std::string(row->name), std::move(each), variable});
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
            .tried = "",
            .hint = std::move(hint)};
}

using FirstOrigins = std::map<std::string, std::string, std::less<>>;  // of each option

// One line of the form "name = value", without its comment; blank ones say nothing.
Status take_config_line(std::vector<Assignment>& assignments, FirstOrigins& first_origins,
                        std::string_view line, const std::string& origin) {
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) return {};
    if (line.starts_with('['))
        return fail(unusable_line(origin, "the config file has no sections"));
    const auto equals = line.find('=');
    const std::string name(trim(line.substr(0, equals)));
    if (equals == std::string_view::npos || name.empty()) {
        return fail(
            unusable_line(origin, in_quotes(line) + R"( is not of the form "name = value")"));
    }
    const auto* row = find_option(name);
    if (row == nullptr) {
        auto near = nearest(name, option_names(used_by::all));
        return fail(unusable_line(origin, "there is no setting " + in_quotes(name),
                                  near ? "did you mean " + *near + "?" : ""));
    }
    if (name == "config") return fail(unusable_line(origin, "one config file cannot name another"));
    const auto [first, is_first] = first_origins.emplace(name, origin);
    if (!is_first && row->kind != Kind::repeated) {
        return fail(unusable_line(origin, name + " is given twice, first in " + first->second));
    }
    assignments.push_back({name, std::string(trim(line.substr(equals + 1))), origin});
    return {};
}

}  // namespace

Result<std::vector<Assignment>> read_config_file(const std::string& path) {
    auto text = read_file(path);
    if (!text) {
        return fail({.code = ExitCode::settings,
                     .doing = "read the config file",
                     .subject = path,
                     .cause = text.error().cause,
                     .tried = "",
                     .hint = ""});
    }
    std::vector<Assignment> assignments;
    FirstOrigins first_origins;
    std::size_t number = 0;
    for (const auto& line : split(*text, '\n')) {
        const std::string origin = fmt::format("line {} of {}", ++number, path);
        auto taken = take_config_line(assignments, first_origins, line, origin);
        if (!taken) return fail(taken.error());
    }
    return assignments;
}

}  // namespace fluxpod
