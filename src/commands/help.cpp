// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/commands/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "fluxpod/base/text.hpp"
#include "fluxpod/settings/option_parser.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t width = 80;

constexpr auto exits = std::to_array<ExitRow>({
    {"0", "Done. After run's launch the exit code is Flux's own, and after wait's the COMMAND's"},
    {"1", "probe: the answer is no"},
    {"2", "Usage: an unknown command or option, a missing value, a stray word"},
    {"10", "Settings: a value that cannot be right, wherever it came from"},
    {"11", "Identity: index, host name and host list do not fit each other"},
    {"12", "Node rule: Flux would count more hardware than this pod has"},
    {"13", "Files: the configuration or a result could not be written or read back"},
    {"14", "Certificate: missing, unreadable, malformed, too open, or not a key pair"},
    {"20", "DNS: the name did not resolve before the deadline"},
    {"21", "Network: the name resolved, but nobody accepted a connection before the deadline"},
    {"22", "CURVE: the peer has another key, or is not a CURVE peer"},
    {"23", "File gate: a file to wait for did not come before the deadline"},
    {"126", "The command was found but could not be run; or fluxpod had no memory to go on"},
    {"127", "The command was not found"},
    {"128+N", "Signal N ended fluxpod before the launch, or the COMMAND of init"},
});

Error wrong_help(std::string subject, std::string cause, std::string hint) {
    return usage_error("explain", std::move(subject), std::move(cause), std::move(hint));
}

Result<int> print_completion(const std::vector<std::string>& words) {
    const std::string shell = words.size() == 2 ? words[1] : "";
    const auto script = completion(shell);
    if (script) return print(*script);
    return fail(wrong_help("--completion " + shell, "there is no such script",
                           "give one of bash, zsh, fish"));
}

}  // namespace

std::span<const ExitRow> exit_table() { return exits; }

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
    std::string lines;
    std::size_t used = 0;
    for (const auto& word : split_words(text)) {
        if (used > 0 && used + 1 + word.size() > columns) {
            lines += "\n" + std::string(indent, ' ');
            used = 0;
        }
        lines += (used > 0 ? " " : "") + word;
        used += (used > 0 ? 1 : 0) + word.size();
    }
    return lines;
}

std::vector<std::string> choices_of(const OptionRow& row) {
    auto plain = [](char c) { return c == '|' || (c >= 'a' && c <= 'z'); };
    const bool choices =
        row.metavar.find('|') != std::string_view::npos && std::ranges::all_of(row.metavar, plain);
    return choices ? split(row.metavar, '|') : std::vector<std::string>{};
}

std::string overview() {
    std::string text = "Usage: fluxpod COMMAND [options]\n\nCommands:\n";
    for (const auto& row : command_table()) {
        text += fmt::format("  {:<11}{}\n", row.name, row.purpose);
    }
    return text + "\nfluxpod COMMAND --help explains one, fluxpod --version prints the version.\n";
}

std::string command_help(const CommandRow& row) {
    std::string text = fmt::format("Usage: fluxpod {} {}\n\n{}.\n\n{}\n", row.name, row.synopsis,
                                   row.purpose, wrapped(row.description, width, 0));
    if (row.option_bit == 0) return text;
    text += "\n" + describe_options(row.option_bit);
    text += "\n" + wrapped(
                       "An option --some-name is also the variable FLUXPOD_SOME_NAME and the "
                       "key some-name of the config file. Durations D are numbers with ms, s, "
                       "m, h or d; without a unit they are seconds.",
                       width, 0);
    return text + "\n";
}

Result<int> help_command(Invocation& invocation) {
    const auto& words = invocation.line.operands;
    if (words.empty()) return print(overview());
    if (words[0] == "--completion") return print_completion(words);
    if (words.size() > 1) {
        return fail(wrong_help(in_quotes(words[1]), "one word is enough", "see fluxpod help"));
    }
    if (words[0] == "--man") return print(man_page());
    const bool itself = words[0] == "--help" || words[0] == "-h";
    const auto* row = find_command(itself ? "help" : words[0]);
    return row != nullptr ? print(command_help(*row)) : fail(no_such_command(words[0]));
}

}  // namespace fluxpod
