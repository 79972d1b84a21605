// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hostlist.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fluxpod/base/text.hpp"

using namespace fluxpod;

namespace {

std::string expanded(std::string_view text) {
    auto list = Hostlist::parse(text);
    return list ? join(list->expand(), " ") : "refused: " + list.error();
}

std::string reencoded(std::string_view text) {
    auto list = Hostlist::parse(text);
    return list ? list->encode() : "refused: " + list.error();
}

Hostlist list_of(const std::vector<std::string>& names) {
    Hostlist list;
    for (const auto& name : names) list.append(name);
    return list;
}

// What repeated() must agree with.
bool has_repeats(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
}

}  // namespace

TEST_CASE("the vectors of RFC 29 come out as it says") {
    CHECK(expanded("") == "");
    CHECK(expanded("foox,fooy,fooz") == "foox fooy fooz");
    CHECK(expanded("[1-3,5-6]") == "1 2 3 5 6");
    CHECK(expanded("foo[1-5]") == "foo1 foo2 foo3 foo4 foo5");
    CHECK(expanded("foo[0-4]-eth2") == "foo0-eth2 foo1-eth2 foo2-eth2 foo3-eth2 foo4-eth2");
    CHECK(expanded("foo1,foo1,foo1") == "foo1 foo1 foo1");
    CHECK(expanded("[00-02]") == "00 01 02");
    CHECK(expanded("[00-2]") == "00 01 02");
    CHECK(expanded("foo[1,1,2,1]") == "foo1 foo1 foo2 foo1");
}

TEST_CASE("zero padding is that of a range's first number, as in flux-core") {
    CHECK(expanded("fp-[08-10]") == "fp-08 fp-09 fp-10");
    CHECK(expanded("fp-[8-010]") == "fp-8 fp-9 fp-10");
    CHECK(expanded("fp-[099-101]") == "fp-099 fp-100 fp-101");
    CHECK(expanded("fp-[005,4]") == "fp-005 fp-4");
}

TEST_CASE("an encoding joins neighbours and keeps order, repeats and padding") {
    CHECK(reencoded("fp-0,fp-1,fp-2") == "fp-[0-2]");
    CHECK(reencoded("fp-9,fp-10,fp-11") == "fp-[9-11]");
    CHECK(reencoded("fp-09,fp-10") == "fp-[09-10]");
    CHECK(reencoded("fp-9,fp-010") == "fp-9,fp-010");
    CHECK(reencoded("fp-[08-10]") == "fp-[08-10]");
    CHECK(reencoded("fp-0") == "fp-0");
    CHECK(reencoded("fp-[0]") == "fp-0");
    CHECK(reencoded("fp-[0-3,7],login") == "fp-[0-3,7],login");
    CHECK(reencoded("fp-3,fp-1,fp-2") == "fp-[3,1-2]");
    CHECK(reencoded("fp-1,fp-1") == "fp-[1,1]");
    CHECK(reencoded("a[1-3],b2,a[4,4]") == "a[1-3],b2,a[4,4]");
    CHECK(reencoded("a[1-2]-x,a[3-4]-x,a5-y") == "a[1-4]-x,a5-y");
    CHECK(reencoded("login,login") == "login,login");
    CHECK(reencoded("[0-3]") == "[0-3]");
    CHECK(reencoded("") == "");
}

TEST_CASE("a token never mixes paddings that RFC 29 and flux-core read differently") {
    CHECK(reencoded("fp-[005,4]") == "fp-005,fp-4");
    CHECK(reencoded("fp-[8,005]") == "fp-8,fp-005");
    CHECK(reencoded("fp-[005,011-013]") == "fp-[005,011-013]");
    CHECK(reencoded("fp-[9,12]") == "fp-[9,12]");
}

TEST_CASE("what is written is read back as the same names") {
    for (const char* text : {"fp-[0-3,7],login", "fp-[08-10,1]", "a[1-2]b,a1b", "fp-0[1-3],fp-04",
                             "fp-[005,4,0011-0013]", "x[9-10],x[011-12]", "[1-2],3,x", "n[1-3]5"}) {
        CAPTURE(text);
        CHECK(expanded(reencoded(text)) == expanded(text));
    }
}

TEST_CASE("names of one prefix with padded and unpadded numbers stay apart") {
    auto list = list_of({"fp-1", "fp-02", "fp-3"});
    CHECK(join(list.expand(), " ") == "fp-1 fp-02 fp-3");
    CHECK(list.find("fp-02") == 1);
    CHECK_FALSE(list.find("fp-2").has_value());
}

TEST_CASE("what Flux would misread is refused") {
    for (const char* text : {"fp-[0-3",
                             "fp-0-3]",
                             "fp-]0[",
                             "fp-[[0-3]]",
                             "fp-[0-[1-2]]",
                             "fp-[]",
                             "fp-[,]",
                             "fp-[1,]",
                             "fp-[,1]",
                             "fp-[3-1]",
                             "fp-[1-0]",
                             "fp-[-1]",
                             "fp-[0--1]",
                             "fp-[1-]",
                             "fp-[-]",
                             "fp-[1-2-3]",
                             "fp-[a]",
                             "fp-[1-b]",
                             "fp-[0x1]",
                             "a[1-2][3-4]",
                             "a[1]b[2]",
                             "a[1]b]",
                             "a,,b",
                             ",a",
                             "a,",
                             ",",
                             "a b",
                             " a",
                             "a ",
                             "fp-[0, 1]",
                             "a\tb",
                             "a\nb",
                             "a\x7f",
                             "\xC3\xBC",
                             "fp-99999999999999999999",
                             "fp-1000000000000000000",
                             "fp-[1000000000000000000]",
                             "fp-[0-18446744073709551616]",
                             "fp-[0-1048576]",
                             "fp-[0-1048575],fp-x"}) {
        CAPTURE(text);
        CHECK_FALSE(Hostlist::parse(text).has_value());
    }
    CHECK_FALSE(Hostlist::parse(std::string_view("a\0b", 3)).has_value());
    CHECK_FALSE(Hostlist::parse(std::string(256, 'a')).has_value());
    CHECK(Hostlist::parse(std::string(255, 'a')).has_value());
    CHECK_FALSE(Hostlist::parse(std::string(254, 'a') + "[9-10]").has_value());
}

TEST_CASE("a refusal says what is wrong and where") {
    CHECK(reencoded("fp-[7-3]") == "refused: range 7-3 runs backwards in fp-[7-3]");
    CHECK(reencoded("ok,fp-[]") == "refused: an empty range in fp-[]");
    CHECK(reencoded("a,,b") == "refused: an empty name between commas");
    CHECK(reencoded("fp-[0-1048576]") ==
          "refused: range 0-1048576 has more than 1048576 numbers in fp-[0-1048576]");
    CHECK(reencoded(std::string(100000, ' ')).size() < 200);
    CHECK(reencoded(std::string(100000, '[')).size() < 200);
}

TEST_CASE("the bounds of Flux themselves are accepted") {
    auto list = Hostlist::parse("fp-[0-1048575]");
    REQUIRE(list.has_value());
    CHECK(list->size() == 1048576);
    CHECK(list->encode() == "fp-[0-1048575]");
    const std::string longest = "fp-[" + std::string(1017, '0') + "1]";
    CHECK_FALSE(Hostlist::parse(longest).has_value());  // fits the token, not a name
}

TEST_CASE("a position gives the name and the name its first position") {
    auto list = Hostlist::parse("login,fp-[08-11],x[1-2]-ib,fp-09");
    REQUIRE(list.has_value());
    const auto names = list->expand();
    REQUIRE(names.size() == list->size());
    for (std::size_t i = 0; i < names.size(); ++i) CHECK(list->at(i) == names[i]);
    CHECK(list->find("login") == 0);
    CHECK(list->find("fp-08") == 1);
    CHECK(list->find("fp-11") == 4);
    CHECK(list->find("x2-ib") == 6);
    CHECK(list->find("fp-09") == 2);
}

TEST_CASE("a name that is only like one of the list is not found") {
    auto list = Hostlist::parse("login,fp-[8-11],y[01-02],x[1-2]-ib");
    REQUIRE(list.has_value());
    for (const char* name :
         {"", "logi", "loginx", "fp-", "fp-7", "fp-12", "fp-08", "fp-8 ", "fp-+8", "fp--8", "FP-8",
          "y1", "y001", "x1", "x-ib", "x3-ib", "x1-ibx", "fp-99999999999999999999999"}) {
        CAPTURE(name);
        CHECK_FALSE(list->find(name).has_value());
    }
}

TEST_CASE("a prefix that ends in a digit is found by the whole name") {
    auto list = Hostlist::parse("rack1[0-3]");
    REQUIRE(list.has_value());
    CHECK(list->find("rack12") == 2);
    CHECK_FALSE(list->find("rack2").has_value());
    CHECK(Hostlist::parse("fp-0[1-3],fp-04")->find("fp-04") == 3);
}

TEST_CASE("a repeat is found however it is written") {
    for (const char* text :
         {"a,a", "a1,a1", "fp-[0-3],fp-2", "fp-2,fp-[0-3]", "fp-[0-3],x,fp-[3-5]", "fp-[1,1]",
          "fp-0[1-3],fp-[02-04]", "fp-1[0-3],fp-[9-11]", "fp-0[8-10],fp-08", "x[1-2]b3,x1b[3-4]",
          "n[1-3]5,n25", "x[1-2]-ib,x2-ib", "[1-3],2", "a[001-002],a00[1-2]",
          "x[1-12]b7,y,x1b[7-9]"}) {
        CAPTURE(text);
        auto list = Hostlist::parse(text);
        REQUIRE(list.has_value());
        const auto name = list->repeated();
        REQUIRE(name.has_value());
        const auto names = list->expand();
        CHECK(std::count(names.begin(), names.end(), *name) > 1);
    }
}

TEST_CASE("names that differ: no repeat") {
    for (const char* text :
         {"", "a", "a,b", "fp-[0-3],fp-4", "fp-[0-3],fp-00", "fp-[8-11],fp-08", "fp-[08-10],fp-8",
          "a[1-3],b[1-3]", "fp-0[1-3],fp-[1-3]", "x[1-2]b3,x1b[4-5]", "x[1-2]-a,x[1-2]-b",
          "r1n[0-9],r2n[0-9]", "fp-1[0-1],fp-[1-9]", "fp-000000000000000000000001,fp-1"}) {
        CAPTURE(text);
        auto list = Hostlist::parse(text);
        REQUIRE(list.has_value());
        CHECK_FALSE(list->repeated().has_value());
        CHECK_FALSE(has_repeats(list->expand()));
    }
}

TEST_CASE("repeats, positions and encodings agree with the plain names, for any list") {
    std::uint32_t random = 7;
    const auto draw = [&random](std::uint32_t below) {
        random = random * 1664525U + 1013904223U;
        return (random >> 16U) % below;
    };
    const std::vector<std::string> prefixes{"a", "a0", "a1", "", "a1b"};
    const std::vector<std::string> suffixes{"", "", "b", "b1", "2"};
    for (int round = 0; round < 3000; ++round) {
        Hostlist list;
        const auto parts = 1 + draw(4);
        for (std::uint32_t i = 0; i < parts; ++i) {
            const auto first = draw(13);
            list.append_range(prefixes[draw(5)], first, first + draw(3), draw(3),
                              suffixes[draw(5)]);
            if (draw(3) == 0)
                list.append("a" + std::to_string(draw(12)) + (draw(2) == 0 ? "b" : ""));
        }
        const auto names = list.expand();
        CAPTURE(join(names, ","));
        REQUIRE(list.repeated().has_value() == has_repeats(names));
        auto copy = Hostlist::parse(list.encode());
        REQUIRE(copy.has_value());
        REQUIRE(copy->expand() == names);
        for (std::size_t i = 0; i < names.size(); ++i) {
            REQUIRE(list.at(i) == names[i]);
            const auto first = std::find(names.begin(), names.end(), names[i]) - names.begin();
            REQUIRE(list.find(names[i]) == static_cast<std::size_t>(first));
        }
    }
}

TEST_CASE("a hundred thousand hosts are one range") {
    Hostlist list;
    for (int i = 0; i < 100000; ++i) list.append("fp-" + std::to_string(i));
    CHECK(list.encode() == "fp-[0-99999]");
    CHECK(list.size() == 100000);
    CHECK(list.find("fp-99999") == 99999);
    CHECK(list.at(54321) == "fp-54321");
    CHECK_FALSE(list.repeated().has_value());
    list.append("fp-77");
    CHECK(list.repeated() == "fp-77");
}

TEST_CASE("a long encoding is split into tokens that Flux can hold") {
    Hostlist list;
    for (int i = 0; i < 5000; ++i) list.append("fp-" + std::to_string(2 * i));
    const std::string text = list.encode();
    std::size_t longest = 0;
    std::size_t begin = 0;
    bool inside = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] == '[') inside = true;
        if (i < text.size() && text[i] == ']') inside = false;
        if (i == text.size() || (text[i] == ',' && !inside)) {
            longest = std::max(longest, i - begin);
            begin = i + 1;
        }
    }
    CHECK(longest <= Hostlist::max_in_token);
    CHECK(longest > Hostlist::max_in_token - 10);
    CHECK(Hostlist::parse(text)->expand() == list.expand());
}

TEST_CASE("a range greater than Flux reads is written as several") {
    Hostlist list;
    list.append_range("fp-", 0, Hostlist::max_in_range, 1, "");
    CHECK(list.encode() == "fp-[0-1048575,1048576]");
}

TEST_CASE("a slice has the same names, and its ranges stay ranges") {
    const auto list = Hostlist::parse("login,fp-[8-11].x,a-[08-10],login,z[0-99999].sub");
    REQUIRE(list);
    const auto names = list->expand();
    for (std::size_t first = 0; first < 14; ++first) {
        for (const std::size_t count : {0U, 1U, 2U, 5U, 13U}) {
            const auto part = list->slice(first, count);
            const std::vector<std::string> expected(
                names.begin() + static_cast<std::ptrdiff_t>(first),
                names.begin() + static_cast<std::ptrdiff_t>(first + count));
            CHECK(part.expand() == expected);
            CHECK(Hostlist::parse(part.encode())->expand() == expected);
        }
    }
    CHECK(list->slice(10, list->size()).encode() == "z[1-99999].sub");
    CHECK(list->slice(list->size(), 7).empty());
    CHECK(list->slice(200000, 7).empty());
}

TEST_CASE("the boundary names of a list: both ends of every range") {
    using Names = std::vector<std::string>;
    CHECK(Hostlist::parse("a,b[9-11]c,d7")->boundary_names() == Names{"a", "b9c", "b11c", "d7"});
    CHECK(Hostlist().boundary_names().empty());
}

TEST_CASE("a single name is taken as it is") {
    Hostlist list;
    list.append("4f5e01234567");
    list.append("99999999999999999999999999");
    list.append("");
    CHECK(list.size() == 3);
    CHECK(list.at(0) == "4f5e01234567");
    CHECK(list.at(1) == "99999999999999999999999999");
    CHECK(list.find("99999999999999999999999999") == 1);
    CHECK(list.at(2).empty());
}
