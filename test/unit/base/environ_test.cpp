// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/environ.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

using namespace fluxpod;
using Entries = std::vector<std::string>;

TEST_CASE("a copy has every entry, in order, odd ones included") {
    const char* const raw[] = {"A=1", "no-equals-sign", "A=2", "=x", "B=", nullptr};
    CHECK(Environment::copy_of(raw).entries() ==
          Entries{"A=1", "no-equals-sign", "A=2", "=x", "B="});
    CHECK(Environment::copy_of(nullptr).entries().empty());
}

TEST_CASE("the first entry of a name is its value") {
    const Environment environment({"AB=0", "A=1", "A=2", "B=", "C=x=y", "D"});
    CHECK(environment.get("A") == "1");
    CHECK(environment.get("B") == "");
    CHECK(environment.get("C") == "x=y");
    CHECK_FALSE(environment.get("D").has_value());
    CHECK_FALSE(environment.get("a").has_value());
    CHECK_FALSE(environment.get("E").has_value());
}

TEST_CASE("setting replaces in place and removes repeats, or appends") {
    Environment environment({"A=1", "AB=0", "A=2", "C"});
    environment.set("A", "new");
    CHECK(environment.entries() == Entries{"A=new", "AB=0", "C"});
    environment.set("C", "3");
    CHECK(environment.entries() == Entries{"A=new", "AB=0", "C", "C=3"});
}

TEST_CASE("a value is kept byte for byte") {
    Environment environment;
    environment.set("A", "line\nwith \"quotes\" and $dollars \xFF");
    CHECK(environment.get("A") == "line\nwith \"quotes\" and $dollars \xFF");
}

TEST_CASE("a value may come from the environment itself") {
    Environment environment({"A=1", "B=a longer value than fits into a small string"});
    environment.set("A", std::string_view(environment.entries()[1]).substr(2));
    CHECK(environment.get("A") == "a longer value than fits into a small string");
}

TEST_CASE("unsetting removes every entry of the name and no other") {
    Environment environment({"A=1", "AB=0", "A=2", "A"});
    environment.unset("A");
    CHECK(environment.entries() == Entries{"AB=0", "A"});
    environment.unset("none");
    CHECK(environment.entries() == Entries{"AB=0", "A"});
}

TEST_CASE("the pointers for execve end with a null") {
    const Environment environment({"A=1", "B"});
    const auto pointers = environment.pointers();
    REQUIRE(pointers.size() == 3);
    CHECK(std::strcmp(pointers[0], "A=1") == 0);
    CHECK(std::strcmp(pointers[1], "B") == 0);
    CHECK(pointers[2] == nullptr);
    CHECK(Environment().pointers() == std::vector<char*>{nullptr});
}
