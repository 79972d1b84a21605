// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/commands/help.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <set>

#include "fluxpod/base/text.hpp"
#include "temp_dir.hpp"

namespace fluxpod {

namespace {

bool mentions(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// What a shell script prints, sorted words.
std::set<std::string> words_from(const std::string& command) {
    auto close = [](std::FILE* pipe) { (void)::pclose(pipe); };
    const std::unique_ptr<std::FILE, decltype(close)> pipe(::popen(command.c_str(), "r"), close);
    REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> buffer{};
    while (auto count = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
        output.append(buffer.data(), count);
    }
    std::ranges::replace(output, '\n', ' ');
    auto words = split_words(output);
    return {words.begin(), words.end()};
}

// Returns what bash offers when Tab is pressed after the last of these words.
std::set<std::string> bash_offers(const test::TempDir& dir, const std::string& words) {
    const std::string script =
        dir.write("complete.bash", completion("bash").value() + "COMP_WORDS=(" + words +
                                       ")\n"
                                       "COMP_CWORD=$((${#COMP_WORDS[@]}-1))\n"
                                       "_fluxpod\n"
                                       "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
    return words_from("bash " + script);
}

}  // namespace

TEST_CASE("the overview lists every command with its purpose") {
    for (const auto& row : command_table()) {
        CAPTURE(row.name);
        CHECK(mentions(overview(), row.name));
        CHECK(mentions(overview(), row.purpose));
        CHECK(find_command(row.name) == &row);
    }
    CHECK(find_command("ru") == nullptr);
}

TEST_CASE("an unknown command is a usage error with the nearest one") {
    CHECK(no_such_command("rum").code == ExitCode::usage);
    CHECK(mentions(no_such_command("rum").message(), "did you mean run?"));
    CHECK(mentions(no_such_command("xyzzy").message(), "the commands are run, init, render"));
    CHECK(mentions(no_such_command("--size").message(), "options come after the command"));
}

TEST_CASE("a command's help has every option it takes and no other") {
    for (const auto& command : command_table()) {
        const auto help = command_help(command);
        CAPTURE(command.name);
        for (const auto& option : option_table()) {
            CAPTURE(option.name);
            const auto head = "\n  --" + std::string(option.name);
            const bool shown = mentions(help, head + " ") || mentions(help, head + "\n");
            CHECK(shown == ((option.commands & command.option_bit) != 0));
        }
    }
}

TEST_CASE("no line of a help is wider than a terminal") {
    for (const auto& command : command_table()) {
        for (const auto& line : split(command_help(command), '\n')) {
            CAPTURE(line);
            CHECK(line.size() <= 80);
        }
    }
}

TEST_CASE("a long text is wrapped and a longer word stays whole") {
    CHECK(wrapped("a bc def", 4, 2) == "a bc\n  def");
    CHECK(wrapped("abcdefgh i", 4, 0) == "abcdefgh\ni");
    CHECK(wrapped("", 4, 2).empty());
}

TEST_CASE("the manual page names every command, option, variable and exit code") {
    const auto page = man_page();
    auto roff = [](std::string_view text) {
        std::string escaped;
        for (char c : text) escaped += c == '-' ? "\\-" : std::string(1, c);
        return escaped;
    };
    for (const auto& row : command_table()) CHECK(mentions(page, "\\fB" + roff(row.name)));
    for (const auto& row : option_table()) {
        CAPTURE(row.name);
        CHECK(mentions(page, "\\fB\\-\\-" + roff(row.name) + "\\fR"));
        CHECK(mentions(page, variable_name(row.name)));
    }
    for (const auto& row : exit_table()) CHECK(mentions(page, "\\fB" + roff(row.code) + "\\fR"));
    for (const auto* title : {"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS",
                              "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"}) {
        CHECK(mentions(page, std::string(".SH ") + title + "\n"));
    }
}

TEST_CASE("a choice's words come from its metavar and from nothing less certain") {
    CHECK(choices_of(*find_option("log-format")) == std::vector<std::string>{"text", "json"});
    CHECK(choices_of(*find_option("topology")).empty());
    CHECK(choices_of(*find_option("bind")).empty());
    CHECK(choices_of(*find_option("size")).empty());
}

TEST_CASE("bash completes commands, options and values") {
    const test::TempDir dir;
    using Offers = std::set<std::string>;
    CHECK(bash_offers(dir, "fluxpod r") == Offers{"render", "run"});
    CHECK(bash_offers(dir, "fluxpod run --wait") == Offers{"--wait-timeout", "--wait-until"});
    CHECK(bash_offers(dir, "fluxpod keygen --si").empty());
    CHECK(bash_offers(dir, "fluxpod run --log-format ''") == Offers{"json", "text"});
    CHECK(bash_offers(dir, "fluxpod run --log-format j") == Offers{"json"});
    CHECK(bash_offers(dir, "fluxpod run --size ''").empty());
    CHECK(bash_offers(dir, "fluxpod help ke") == Offers{"keygen"});
    CHECK(bash_offers(dir, "fluxpod help --completion f") == Offers{"fish"});
}

TEST_CASE("bash completes a value after an equals sign, which it makes a word of its own") {
    const test::TempDir dir;
    CHECK(bash_offers(dir, "fluxpod run --log-format = j") == std::set<std::string>{"json"});
    CHECK(bash_offers(dir, "fluxpod run --wait-until =") ==
          std::set<std::string>{"dns", "tcp", "curve"});
}

TEST_CASE("bash completes files where a file is meant") {
    const test::TempDir dir;
    dir.write("certificate.one", "");
    const auto path = dir / "certificate.one";
    CHECK(bash_offers(dir, "fluxpod run --curve-cert " + (dir / "cert")) ==
          std::set<std::string>{path});
    CHECK(bash_offers(dir, "fluxpod run -- " + (dir / "cert")) == std::set<std::string>{path});
    CHECK(bash_offers(dir, "fluxpod keygen " + (dir / "cert")) == std::set<std::string>{path});
}

TEST_CASE("there is a script for zsh and fish, and none for another shell") {
    for (const auto& row : option_table()) {
        CAPTURE(row.name);
        CHECK(mentions(completion("zsh").value(), "--" + std::string(row.name)));
        CHECK(mentions(completion("fish").value(), "-l " + std::string(row.name) + " "));
    }
    CHECK_FALSE(completion("tcsh").has_value());
    CHECK_FALSE(completion("").has_value());
}

}  // namespace fluxpod
