// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/idset.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace fluxpod;

namespace {

std::string reencoded(std::string_view text) {
    auto set = Idset::parse(text);
    return set ? set->encode() : "refused: " + set.error();
}

}  // namespace

TEST_CASE("a set is numbers and ranges, with or without brackets") {
    CHECK(reencoded("0") == "0");
    CHECK(reencoded("0-3,7") == "0-3,7");
    CHECK(reencoded("[0-3,7]") == "0-3,7");
    CHECK(reencoded("[5]") == "5");
    CHECK(reencoded("2147483647") == "2147483647");
}

TEST_CASE("the empty set is the empty text") {
    CHECK(reencoded("") == "");
    CHECK(reencoded("[]") == "");
    CHECK(Idset().encode().empty());
    CHECK(Idset().empty());
    CHECK(Idset().count() == 0);
}

TEST_CASE("neighbours are joined") {
    CHECK(reencoded("0,1,2,4,5-9") == "0-2,4-9");
    CHECK(Idset::parse("0,1,2") == Idset::range(0, 2));
}

TEST_CASE("what Flux refuses is refused") {
    for (const char* text : {"00",
                             "01",
                             "0-03",
                             "3-1",
                             "3-3",
                             "1,0",
                             "0,0",
                             "0-3,2",
                             "0-3,3-5",
                             "-1",
                             "1-",
                             "-",
                             ",",
                             "0,",
                             ",0",
                             "0,,1",
                             " 0",
                             "0 ",
                             "0-1-2",
                             "a",
                             "0x1",
                             "+1",
                             "[0",
                             "0]",
                             "[[0]]",
                             "[0],[1]",
                             "2147483648",
                             "4294967296",
                             "99999999999999999999",
                             "0-2147483648",
                             "[",
                             "]",
                             "1\n"}) {
        CAPTURE(text);
        CHECK_FALSE(Idset::parse(text).has_value());
    }
}

TEST_CASE("a refusal says what is wrong and where") {
    CHECK(reencoded("0,3-1") == "refused: 3-1 runs backwards in 0,3-1");
    CHECK(reencoded("4,2") == "refused: 2 is out of order in 4,2");
    CHECK(reencoded("3-3") == "refused: 3-3 is one number, not a range in 3-3");
    CHECK(reencoded("0,x") == "refused: \"x\" is not a number or a range in 0,x");
    CHECK(reencoded(std::string(100000, 'x')).size() < 300);
}

TEST_CASE("a set with the largest range costs no more than any other") {
    auto set = Idset::parse("0-2147483647");
    REQUIRE(set.has_value());
    CHECK(set->count() == 2147483648U);
    CHECK(set->ranges().size() == 1);
}

TEST_CASE("inserting keeps the ranges apart, whatever the order") {
    Idset set;
    for (const std::uint32_t id : {5U, 1U, 3U, 2U, 9U, 9U, 0U}) set.insert(id);
    CHECK(set.encode() == "0-3,5,9");
    set.insert(4);
    CHECK(set.encode() == "0-5,9");
    set.insert({2, 12});
    CHECK(set.encode() == "0-12");
    set.insert({0xFFFFFFFF, 0xFFFFFFFF});
    set.insert(0xFFFFFFFE);
    CHECK(set.encode() == "0-12,4294967294-4294967295");
    CHECK(set.contains(0xFFFFFFFF));
}

TEST_CASE("inserting agrees with a set of single numbers") {
    std::set<std::uint32_t> model;
    Idset set;
    std::uint32_t random = 1;
    for (int i = 0; i < 2000; ++i) {
        random = random * 1103515245U + 12345U;
        const std::uint32_t first = (random >> 16U) % 300;
        const std::uint32_t last = first + (random >> 26U) % 4;
        set.insert({first, last});
        for (auto id = first; id <= last; ++id) model.insert(id);
        REQUIRE(set.count() == model.size());
        if (i % 97 == 0) {
            for (std::uint32_t id = 0; id < 310; ++id)
                REQUIRE(set.contains(id) == model.contains(id));
        }
    }
    CHECK(Idset::parse(set.encode()) == set);
}

TEST_CASE("what is contained is what was inserted") {
    const auto set = Idset::parse("2-4,8");
    REQUIRE(set.has_value());
    CHECK_FALSE(set->contains(1));
    CHECK(set->contains(2));
    CHECK(set->contains(4));
    CHECK_FALSE(set->contains(5));
    CHECK(set->contains(8));
    CHECK_FALSE(set->contains(9));
    CHECK(set->count() == 4);
}
