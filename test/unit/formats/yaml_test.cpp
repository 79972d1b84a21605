// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/yaml.hpp"

#include <doctest/doctest.h>

using fluxpod::parse_yaml;

namespace {

std::string fault_of(std::string_view text) {
    auto parsed = parse_yaml(text);
    return parsed ? "no fault" : parsed.error();
}

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string repeat(std::string_view text, std::size_t times) {
    std::string repeated;
    for (std::size_t i = 0; i < times; ++i) repeated += text;
    return repeated;
}

}  // namespace

TEST_CASE("every document of a stream is read in order") {
    auto parsed = parse_yaml("kind: A\n---\nkind: B\n---\n- 1\n- 2\n");
    REQUIRE(parsed);
    REQUIRE(parsed->size() == 3);
    CHECK((*parsed)[1]["kind"].Scalar() == "B");
    CHECK((*parsed)[2].size() == 2);
}

TEST_CASE("an empty stream has no document") {
    CHECK(parse_yaml("")->empty());
    CHECK(parse_yaml("# only a comment\n")->empty());
}

TEST_CASE("a syntax error: refused with its line and column") {
    CHECK(fault_of("a: 1\nb: [1, 2\n").starts_with("line 3, column 1: "));
    CHECK(mentions(fault_of("a: 1\n\tb: 2\n"), "line 2, column"));
}

TEST_CASE("a node knows its place, and one that is not there says so") {
    auto parsed = parse_yaml("a:\n  b: 7\n");
    REQUIRE(parsed);
    const YAML::Node& document = parsed->front();
    CHECK(fluxpod::position_of(document["a"]["b"]) == "line 2, column 6");
    CHECK(fluxpod::position_of(document["nothing"]) == "an unknown place");
}

TEST_CASE("an alias is refused, whether it repeats a value or holds itself") {
    CHECK(mentions(fault_of("a: &x [1]\nb: *x\n"), "line 2, column 4: an alias"));
    CHECK(mentions(fault_of("a: &x [*x]\n"), "an alias"));
    CHECK(mentions(fault_of("base: &b {c: 1}\nd:\n  <<: *b\n"), "an alias"));
    CHECK(fault_of("a: &x [1]\n") == "no fault");
}

TEST_CASE("a key that is twice in one map: refused") {
    CHECK(mentions(fault_of("size: 1\nsize: 2\n"), "line 2, column 1: the key size"));
    CHECK(mentions(fault_of("a: {b: 1, b: 2}\n"), "the key b"));
    CHECK(fault_of("- a: {b: {b: b}}\n- a: b\n") == "no fault");
    CHECK(fault_of("a: [a, a]\nb: a\nc: {a: a}\nd: [{a: 1}, {a: 2}]\n") == "no fault");
    CHECK(mentions(fault_of("? ~\n: 1\n? ~\n: 2\n"), "is there twice"));
}

TEST_CASE("a key that is a list or a map is refused") {
    CHECK(mentions(fault_of("? [a]\n: 1\n"), "a key that is not a word"));
    CHECK(mentions(fault_of("? {a: b}\n: 1\n"), "a key that is not a word"));
}

TEST_CASE("a NUL character is refused") {
    CHECK(mentions(fault_of("a: \"x\\0y\"\n"), "line 1, column 4: a NUL character"));
}

TEST_CASE("nesting is bounded, in flow and in block style") {
    CHECK(fault_of(repeat("[", 64) + repeat("]", 64)) == "no fault");
    CHECK(mentions(fault_of(repeat("[", 65) + repeat("]", 65)), "deeper than 64"));
    CHECK(mentions(fault_of(repeat("{a: ", 65) + "1" + repeat("}", 65)), "deeper than 64"));
    CHECK(fault_of(repeat("{a: ", 100000)) != "no fault");
    CHECK(fault_of(repeat("[", 100000)) != "no fault");
    CHECK(mentions(fault_of(repeat("- ", 5000) + "x\n"), "deeper than 64"));
}

TEST_CASE("size and number of documents are bounded") {
    CHECK(mentions(fault_of(std::string(fluxpod::max_yaml_bytes + 1, 'x')), "larger than"));
    CHECK(mentions(fault_of(repeat("---\na\n", 1025)), "more than 1024 documents"));
}

TEST_CASE("more than 20,000 nodes in all documents: refused") {
    using fluxpod::max_yaml_nodes;
    CHECK(parse_yaml("[" + repeat("a,", max_yaml_nodes - 1) + "]"));
    CHECK(mentions(fault_of("[" + repeat("a,", max_yaml_nodes) + "]"), "more than 20000 nodes"));
    CHECK(mentions(fault_of("[" + repeat("? ,", 300000) + "]"), "more than 20000 nodes"));
    const std::string document = "[" + repeat("a,", 20) + "]\n---\n";
    CHECK(mentions(fault_of(repeat(document, 1000)), "more than 20000 nodes"));
}

TEST_CASE("bytes that are not text: an error or a scalar, never a crash") {
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        (void)parse_yaml(std::string_view(&c, 1));
        (void)parse_yaml(std::string("a: ") + c + "\n" + c);
    }
}
