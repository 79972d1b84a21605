// SPDX-License-Identifier: Apache-2.0
// Completion scripts for shells. Each knows the commands, each command's options, and what may come
// after an option: one of a few words, a file, or something only the user knows.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "fluxpod/commands/help.hpp"

namespace fluxpod {

namespace {

constexpr std::array shells{"bash", "zsh", "fish"};

bool takes_path(const OptionRow& row) {
    constexpr std::array<std::string_view, 3> paths{"FILE", "DIR", "PATH"};
    return std::ranges::find(paths, row.metavar) != paths.end();
}

std::string flag_of(const OptionRow& row) { return fmt::format("--{}", row.name); }

std::vector<std::string> words_of(const CommandRow& command) {
    if (command.option_bit == 0) {
        auto words = all_command_names();
        words.insert(words.end(), {"--man", "--completion"});
        return words;
    }
    std::vector<std::string> words;
    for (const auto& row : option_table()) {
        if ((row.commands & command.option_bit) != 0) words.push_back(flag_of(row));
    }
    words.emplace_back("--help");
    return words;
}

// A `case` branch of sh for each option: what completes its value.
std::string bash_values() {
    std::string branches;
    for (const auto& row : option_table()) {
        if (row.kind == OptionRow::Kind::flag) continue;
        const auto choices = choices_of(row);
        const std::string action = !choices.empty()  ? "words='" + join(choices, " ") + "'"
                                   : takes_path(row) ? "_fluxpod_files; return"
                                                     : "return";
        branches += fmt::format("        {}) {} ;;\n", flag_of(row), action);
    }
    return branches;
}

std::string bash_commands() {
    std::string branches;
    for (const auto& row : command_table()) {
        branches +=
            fmt::format("            {}) words='{}' ;;\n", row.name, join(words_of(row), " "));
    }
    return branches;
}

std::string bash() {
    return R"(# bash completion for fluxpod, made by "fluxpod help --completion bash"
_fluxpod_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_fluxpod() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= i
    COMPREPLY=()
    if (( COMP_CWORD == 1 )); then
        mapfile -t COMPREPLY < <(compgen -W ')" +
           join(all_command_names(), " ") + R"( --help --version' -- "$cur")
        return
    fi
    for (( i = 2; i < COMP_CWORD; i++ )); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then _fluxpod_files; return; fi
    done
    # "=" is a word of its own in COMP_WORDS.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $prev in
        --completion) words=')" +
           join({shells.begin(), shells.end()}, " ") + "' ;;\n" + bash_values() +
           R"(    esac
    if [[ -z $words && $cur != -* && ${COMP_WORDS[1]} != help ]]; then _fluxpod_files; return; fi
    if [[ -z $words ]]; then
        case ${COMP_WORDS[1]} in
)" + bash_commands() +
           R"(        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _fluxpod fluxpod
)";
}

std::string backslashed(std::string_view text, std::string_view special) {
    std::string escaped;
    for (char c : text) {
        if (special.find(c) != std::string_view::npos) escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string in_single_quotes(std::string_view text) {
    std::string quote = "'";
    for (char c : text) quote += c == '\'' ? R"('\'')" : std::string(1, c);
    return quote + "'";
}

// A specification of zsh's _arguments: NAME[HELP]:METAVAR:ACTION.
std::string zsh_option(const OptionRow& row) {
    const std::string help = "[" + backslashed(row.help, "]\\") + "]";
    if (row.kind == OptionRow::Kind::flag) return in_single_quotes(flag_of(row) + help);
    const auto choices = choices_of(row);
    const std::string action = !choices.empty()  ? "(" + join(choices, " ") + ")"
                               : takes_path(row) ? "_files"
                                                 : "";
    const std::string often = row.kind == OptionRow::Kind::repeated ? "*" : "";
    return in_single_quotes(fmt::format("{}{}={}:{}:{}", often, flag_of(row), help,
                                        backslashed(row.metavar, ":\\"), action));
}

std::string zsh_case(const CommandRow& command) {
    if (command.option_bit == 0) {
        return fmt::format(
            "        {}) _arguments '--man' '--completion:shell:({})' "
            "'*:command:({})' ;;\n",
            command.name, join({shells.begin(), shells.end()}, " "),
            join(all_command_names(), " "));
    }
    std::string text = fmt::format("        {}) _arguments \\\n", command.name);
    for (const auto& row : option_table()) {
        if ((row.commands & command.option_bit) == 0) continue;
        text += "            " + zsh_option(row) + " \\\n";
    }
    return text + "            '--help' '*:file:_files' ;;\n";
}

std::string zsh() {
    std::string text =
        "#compdef fluxpod\n"
        "# Made by \"fluxpod help --completion zsh\"\n"
        "_fluxpod() {\n"
        "    local -a commands\n"
        "    commands=(\n";
    for (const auto& row : command_table()) {
        text += "        " + in_single_quotes(fmt::format("{}:{}", row.name, row.purpose)) + "\n";
    }
    text +=
        "    )\n"
        "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
        "    local command=$words[2]\n"
        "    shift words\n"
        "    (( CURRENT-- ))\n"
        "    case $command in\n";
    for (const auto& row : command_table()) text += zsh_case(row);
    return text + "    esac\n}\ncompdef _fluxpod fluxpod\n";
}

std::string fish_option(const OptionRow& row) {
    const auto choices = choices_of(row);
    std::string value;
    if (!choices.empty()) {
        value = " -x -a " + in_single_quotes(join(choices, " "));
    } else if (takes_path(row)) {
        value = " -r -F";
    } else if (row.kind != OptionRow::Kind::flag) {
        value = " -x";
    }
    return fmt::format("complete -c fluxpod -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n",
                       join(command_names(row.commands), " "), row.name, value,
                       in_single_quotes(backslashed(row.help, "\\")));
}

std::string fish() {
    std::string text =
        "# fish completion for fluxpod, made by \"fluxpod help --completion fish\"\n"
        "complete -c fluxpod -n __fish_use_subcommand -f\n";
    for (const auto& row : command_table()) {
        text += fmt::format("complete -c fluxpod -n __fish_use_subcommand -a {} -d {}\n", row.name,
                            in_single_quotes(backslashed(row.purpose, "\\")));
    }
    for (const auto& row : option_table()) text += fish_option(row);
    text += fmt::format("complete -c fluxpod -n '__fish_seen_subcommand_from help' -x -a '{}'\n",
                        join(all_command_names(), " "));
    text += "complete -c fluxpod -n '__fish_seen_subcommand_from help' -l man\n";
    return text + fmt::format(
                      "complete -c fluxpod -n '__fish_seen_subcommand_from help' "
                      "-l completion -x -a '{}'\n",
                      join({shells.begin(), shells.end()}, " "));
}

}  // namespace

std::optional<std::string> completion(std::string_view shell) {
    if (shell == "bash") return bash();
    if (shell == "zsh") return zsh();
    if (shell == "fish") return fish();
    return std::nullopt;
}

}  // namespace fluxpod
