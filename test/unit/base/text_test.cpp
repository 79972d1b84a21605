// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/text.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace fluxpod;
using Pieces = std::vector<std::string>;

TEST_CASE("split keeps empty pieces") {
    CHECK(split("a,,b", ',') == Pieces{"a", "", "b"});
    CHECK(split(",", ',') == Pieces{"", ""});
    CHECK(split("", ',') == Pieces{""});
    CHECK(split("a", ',') == Pieces{"a"});
}

TEST_CASE("split_words has no empty piece") {
    CHECK(split_words(" a\t b  c ") == Pieces{"a", "b", "c"});
    CHECK(split_words(" \t ") == Pieces{});
    CHECK(split_words("") == Pieces{});
    CHECK(split_words("a\nb") == Pieces{"a\nb"});
}

TEST_CASE("trim takes white space from both ends only") {
    CHECK(trim(" \t\r\n\v\fa b\n") == "a b");
    CHECK(trim("a") == "a");
    CHECK(trim(" \n") == "");
    CHECK(trim("") == "");
}

TEST_CASE("join is the inverse of split") {
    CHECK(join({"a", "", "b"}, ",") == "a,,b");
    CHECK(join({"a"}, ", ") == "a");
    CHECK(join({}, ",") == "");
    CHECK(join({"", ""}, ",") == ",");
}

TEST_CASE("lower changes ASCII letters and nothing else") {
    CHECK(lower("AbC-[@\xC3\x84Z{") == "abc-[@\xC3\x84z{");
}

TEST_CASE("a number is the whole text and fits its type") {
    CHECK(parse_number<int>("0") == 0);
    CHECK(parse_number<int>("-12") == -12);
    CHECK(parse_number<unsigned>("007") == 7U);
    CHECK(parse_number<std::uint8_t>("255") == std::uint8_t{255});
    CHECK(parse_number<std::uint64_t>("18446744073709551615") == UINT64_MAX);
    for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "1\n", "a", "--1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_number<int>(text).has_value());
    }
    CHECK_FALSE(parse_number<unsigned>("-1").has_value());
    CHECK_FALSE(parse_number<std::uint8_t>("256").has_value());
    CHECK_FALSE(parse_number<std::uint64_t>("18446744073709551616").has_value());
    CHECK_FALSE(parse_number<int>(std::string_view("1\0", 2)).has_value());
}

TEST_CASE("a typo finds the name that was meant") {
    const Pieces names{"size", "min-size", "max-size", "cluster-name", "topology"};
    CHECK(nearest("szie", names) == "size");
    CHECK(nearest("minsize", names) == "min-size");
    CHECK(nearest("cluster_nam", names) == "cluster-name");
    CHECK(nearest("toplogy", names) == "topology");
    CHECK(nearest("clstrname", names) == "cluster-name");
}

TEST_CASE("what is like no name finds none") {
    const Pieces names{"size", "to"};
    CHECK_FALSE(nearest("x", names).has_value());
    CHECK_FALSE(nearest("", names).has_value());
    CHECK_FALSE(nearest("weather", names).has_value());
    CHECK_FALSE(nearest("size", {}).has_value());
    CHECK_FALSE(nearest(std::string(10'000'000, 'x'), names).has_value());
}

TEST_CASE("of two near names the nearer one, of equal ones the first") {
    CHECK(nearest("wait", {"want", "waits", "wai"}) == "want");
    CHECK(nearest("waits", {"want", "wait"}) == "wait");
}

TEST_CASE("an excerpt is as long as a message bears") {
    CHECK(excerpt("short") == "short");
    CHECK(excerpt("abcdef", 6) == "abcdef");
    CHECK(excerpt("abcdefg", 6) == "abcdef...");
    CHECK(excerpt(std::string(1000, 'x')).size() == 83);
}

TEST_CASE("printable text passes, UTF-8 included") {
    for (const char* text :
         {"", "plain ~ text", "\xC2\xA0", "\xC3\xBC", "\xE2\x82\xAC", "\xED\x9F\xBF",
          "\xEE\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
        CHECK(printable(text) == text);
    }
}

TEST_CASE("control characters and malformed UTF-8 are written as hex") {
    CHECK(printable("a\nb\r\x1b[0m\x7f") == R"(a\x0ab\x0d\x1b[0m\x7f)");
    CHECK(printable(std::string_view("\0", 1)) == R"(\x00)");
    CHECK(printable("\xC2\x85") == R"(\xc2\x85)");          // a C1 control
    CHECK(printable("\x80") == R"(\x80)");                  // a continuation alone
    CHECK(printable("\xC3") == R"(\xc3)");                  // cut short
    CHECK(printable("\xC0\xAF") == R"(\xc0\xaf)");          // overlong
    CHECK(printable("\xE0\x80\xAF") == R"(\xe0\x80\xaf)");  // overlong
    CHECK(printable("\xF0\x80\x80\xAF") == R"(\xf0\x80\x80\xaf)");
    CHECK(printable("\xED\xA0\x80") == R"(\xed\xa0\x80)");  // a surrogate
    CHECK(printable("\xF4\x90\x80\x80") == R"(\xf4\x90\x80\x80)");
    CHECK(printable("\xF5\xFF") == R"(\xf5\xff)");
    CHECK(printable("\xE2\x82z") == R"(\xe2\x82z)");
}

TEST_CASE("characters that reorder the text around them: escaped") {
    CHECK(printable("a\u202Etxt.exe") == R"(a\xe2\x80\xaetxt.exe)");  // right-to-left override
    for (const std::string_view control :
         {"\u061C", "\u200E", "\u200F", "\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u2066",
          "\u2067", "\u2068", "\u2069"}) {
        CAPTURE(control);
        CHECK(printable(control).starts_with(R"(\x)"));
    }
}

TEST_CASE("characters that nobody sees: escaped") {
    CHECK(printable("fp\u200B-0") == R"(fp\xe2\x80\x8b-0)");  // zero width space
    for (const std::string_view invisible :
         {"\u00AD", "\u034F", "\u200C", "\u200D", "\u2028", "\u2029", "\u2060", "\u2064", "\u206F",
          "\u3164", "\uFE0F", "\uFEFF", "\uFFF9", "\U000E0041", "\U000E01EF"}) {
        CAPTURE(invisible);
        CHECK(printable(invisible).starts_with(R"(\x)"));
    }
    for (const std::string_view seen :
         {"\u00AE", "\u05D0", "\u0627", "\u2010", "\u2030", "\uFFFD"}) {
        CHECK(printable(seen) == seen);
    }
}

TEST_CASE("a word for a shell is quoted where it needs to be") {
    CHECK(fluxpod::shell_quoted("a-b/c.d=e") == "a-b/c.d=e");
    CHECK(fluxpod::shell_quoted("") == "''");
    CHECK(fluxpod::shell_quoted("it's $HOME") == R"('it'\''s $HOME')");
}
