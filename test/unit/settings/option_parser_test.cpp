// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/option_parser.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "fluxpod/base/text.hpp"
#include "fluxpod/settings/option_table.hpp"

namespace fluxpod {

namespace {

using Words = std::vector<std::string>;
using Fault = OptionFault::Kind;

OptionFault word_fault(const Words& words, unsigned command = used_by::run) {
    auto parsed = parse_words(words, command);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

OptionFault line_fault(std::string_view text) {
    auto parsed = parse_lines(text);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

}  // namespace

TEST_CASE("options, operands and the command of a line: in the order of the words") {
    const auto parsed =
        parse_words({"tcp:a:1", "--timeout=1m", "-", "--quiet", "dns:b", "--", "--", "", "--quiet"},
                    used_by::wait);
    REQUIRE(parsed.has_value());
    Words names;
    for (const auto& option : parsed->options) names.push_back(option.name);
    CHECK(names == Words{"", "timeout", "", "quiet", ""});
    CHECK(parsed->options[0].values == Words{"tcp:a:1"});
    CHECK(parsed->options[1].values == Words{"1m"});
    CHECK(parsed->options[3].values.empty());
    CHECK(parsed->command == Words{"--", "", "--quiet"});
}

TEST_CASE("a fault in a word: its kind, the option and the index of the word") {
    const auto unknown = word_fault({"--size", "4", "--siez=4"});
    CHECK(unknown.kind == Fault::unknown);
    CHECK(unknown.text == "siez");
    CHECK(unknown.place == 2);
    CHECK(word_fault({"--size="}).kind == Fault::missing_value);
    CHECK(word_fault({"--quiet="}).kind == Fault::unwanted_value);
    CHECK(word_fault({"--nonsense="}).kind == Fault::unknown);
    CHECK(word_fault({"--="}).kind == Fault::unknown);
    CHECK(word_fault({"--size=1", "--size=2"}).kind == Fault::given_twice);
    CHECK(word_fault({"--size", "4"}, used_by::keygen).kind == Fault::unknown);
}

TEST_CASE("a forgotten value before a wrong option: the forgotten value is the fault") {
    const auto fault = word_fault({"--size", "--quiet", "--nonsense"});
    CHECK(fault.kind == Fault::missing_value);
    CHECK(fault.text == "size");
    CHECK(fault.place == 0);
}

TEST_CASE("a value that is another option's name: taken as a value") {
    const auto parsed = parse_words({"--cluster-name", "size", "--service", "-x"}, used_by::run);
    REQUIRE(parsed.has_value());
    CHECK(parsed->options[0].values == Words{"size"});
    CHECK(parsed->options[1].values == Words{"-x"});
}

TEST_CASE("a variable of no option: a fault with its name") {
    const auto parsed = parse_variables(Environment({"FLUXPOD_SIZE=4", "FLUXPOD_SIEZ=4"}));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == Fault::unknown);
    CHECK(parsed.error().text == "FLUXPOD_SIEZ");
}

TEST_CASE("a fault in a config file: its kind, the line and its number") {
    const auto section = line_fault("size = 4\n [] # empty\n");
    CHECK(section.kind == Fault::section);
    CHECK(section.place == 2);
    const auto bare = line_fault("\n\nsize 4 # pods\n");
    CHECK(bare.kind == Fault::no_assignment);
    CHECK(bare.text == "size 4");
    CHECK(bare.place == 3);
    CHECK(line_fault("=4").kind == Fault::no_assignment);
    CHECK(line_fault("a.size=4").text == "a.size");
    const auto twice = line_fault("size=1\nport=1\n\nsize=2\nsize=3\n");
    CHECK(twice.kind == Fault::given_twice);
    CHECK(twice.text == "size");
    CHECK(twice.first_place == 1);
    CHECK(twice.place == 4);
}

TEST_CASE("the sections of the table: every row in one of them, in its order") {
    std::size_t index = 0;
    for (const auto& section : option_sections()) {
        CHECK_FALSE(section.title.empty());
        CHECK_FALSE(section.rows.empty());
        for (const auto& row : section.rows) CHECK(&row == &option_table()[index++]);
    }
    CHECK(index == option_table().size());
}

TEST_CASE("the options of a help: below the sections that the command has") {
    const auto keygen = describe_options(used_by::keygen);
    CHECK(keygen.find("\nThis command:\n  --name N") != std::string::npos);
    CHECK(keygen.find("The overlay network") == std::string::npos);
    const auto run = describe_options(used_by::run);
    CHECK(run.starts_with("Options:\n  --help"));
    CHECK(run.find("\nThe overlay network:\n  --port PORT") != std::string::npos);
    CHECK(run.find("(default: 8050)\n") != std::string::npos);
    CHECK(run.find("This command") == std::string::npos);
    CHECK(run.find(" \n") == std::string::npos);
}

}  // namespace fluxpod
