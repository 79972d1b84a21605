// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/json_object.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace fluxpod;

TEST_CASE("a text that is not one object: nullopt") {
    CHECK(parse_object(" {\"a\": 1} \n"));
    for (const char* text : {"", "[]", "1", "null", "{", "{} {}", "{\"a\"}", "{\"a\":1,}"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_object(text));
    }
}

TEST_CASE("objects that are nested too deeply: nullopt") {
    CHECK(parse_object(R"({"a": {}})", 2));
    CHECK_FALSE(parse_object(R"({"a": {"b": {}}})", 2));
    CHECK_FALSE(parse_object(std::string(100, '[')));
}

TEST_CASE("a member that is missing or has another type: as if it were not there") {
    const auto object = parse_object(R"({"o": {"a": 1}, "l": [1], "t": "x", "n": 1, "b": true})");
    REQUIRE(object);
    CHECK(object_in(*object, "o")->size() == 1);
    CHECK(array_in(*object, "l")->size() == 1);
    CHECK(text_in(*object, "t") == "x");
    CHECK(number_in<int>(*object, "n") == 1);
    CHECK(bool_in(*object, "b") == true);
    for (const char* name : {"o", "l", "t", "n", "b", "missing"}) {
        CAPTURE(name);
        const std::string_view type = name;
        CHECK((object_in(*object, name) != nullptr) == (type == "o"));
        CHECK((array_in(*object, name) != nullptr) == (type == "l"));
        CHECK(text_in(*object, name).has_value() == (type == "t"));
        CHECK(number_in<std::int64_t>(*object, name).has_value() == (type == "n"));
        CHECK(bool_in(*object, name).has_value() == (type == "b"));
        CHECK((member_of(*object, name) != nullptr) == (type != "missing"));
    }
}

TEST_CASE("a number that its type cannot hold: nullopt") {
    const auto object = parse_object(
        R"({"minus": -1, "big": 4294967296, "huge": 18446744073709551615, "point": 3.0,
            "exponent": 3e0, "half": 0.5, "infinite": 1e999})");
    REQUIRE(object);
    CHECK_FALSE(number_in<std::uint32_t>(*object, "minus"));
    CHECK(number_in<std::int64_t>(*object, "minus") == -1);
    CHECK_FALSE(number_in<std::uint32_t>(*object, "big"));
    CHECK(number_in<std::uint64_t>(*object, "big") == 4294967296U);
    CHECK_FALSE(number_in<std::int64_t>(*object, "huge"));
    CHECK_FALSE(number_in<std::int64_t>(*object, "point"));
    CHECK_FALSE(number_in<std::int64_t>(*object, "exponent"));
    CHECK_FALSE(number_in<std::int64_t>(*object, "half"));
    CHECK(number_in<double>(*object, "half") == 0.5);
    CHECK(number_in<double>(*object, "minus") == -1.0);
    CHECK_FALSE(number_in<double>(*object, "infinite"));
}
