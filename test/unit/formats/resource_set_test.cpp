// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/resource_set.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace fluxpod;

namespace {

Idset ids(std::string_view text) { return Idset::parse(text).value(); }

std::string reencoded(std::string_view text) {
    auto set = ResourceSet::parse(text);
    return set ? set->encode() : "refused: " + set.error();
}

// An R with these parts, for the odd cases.
std::string with(const std::string& rows, const std::string& nodelist,
                 const std::string& more = "") {
    return R"({"version":1,"execution":{"R_lite":[)" + rows + R"(],"nodelist":[)" + nodelist + "]" +
           more + "}}";
}

constexpr const char* row = R"({"rank":"0-1","children":{"core":"0-3"}})";
constexpr const char* hosts = R"("fp-[0-1]")";

}  // namespace

TEST_CASE("an R is compact JSON with its keys in a fixed order") {
    ResourceSet set;
    set.entries = {{ids("0,2"), ids("0-3"), ids("0")}, {ids("1"), ids("0-7"), {}}};
    set.hosts = Hostlist::parse("fp-[0-1],gpu-0").value();
    set.properties = {{"gpu", ids("0,2")}, {"big", ids("1")}};
    CHECK(
        set.encode() ==
        R"({"version":1,"execution":{"R_lite":[{"rank":"0,2","children":{"core":"0-3","gpu":"0"}},)"
        R"({"rank":"1","children":{"core":"0-7"}}],"starttime":0,"expiration":0,)"
        R"("nodelist":["fp-[0-1],gpu-0"],"properties":{"big":"1","gpu":"0,2"}}})"
        "\n");
    CHECK(reencoded(set.encode()) == set.encode());
}

TEST_CASE("what is not there is not written") {
    ResourceSet set;
    set.entries = {{ids("0"), ids("0"), {}}};
    set.hosts.append("fp-0");
    CHECK(set.encode() ==
          R"({"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],)"
          R"("starttime":0,"expiration":0,"nodelist":["fp-0"]}})"
          "\n");
}

TEST_CASE("an R as flux R encode writes it is read") {
    const auto set = ResourceSet::parse(
        R"({"version": 1, "execution": {"R_lite": [{"rank": "0-1", "children": {"gpu": "0", )"
        R"("core": "0-3"}}], "starttime": 0.0, "expiration": 0.0, "nodelist": ["fp-[0-1]"], )"
        R"("properties": {"foo": "0"}}})");
    REQUIRE(set.has_value());
    REQUIRE(set->entries.size() == 1);
    CHECK(set->entries[0].ranks == ids("0-1"));
    CHECK(set->entries[0].cores == ids("0-3"));
    CHECK(set->entries[0].gpus == ids("0"));
    CHECK(set->hosts.encode() == "fp-[0-1]");
    CHECK(set->properties.at("foo") == ids("0"));
}

TEST_CASE("keys that only Flux needs are read over, and host lists may come in parts") {
    CHECK(ResourceSet::parse(with(row, R"("fp-0","","fp-1")", R"(,"nslots":4,"starttime":1.5)"))
              .value()
              .hosts.encode() == "fp-[0-1]");
    CHECK(ResourceSet::parse(R"({"scheduling":{"graph":[]},)" + with(row, hosts).substr(1))
              .has_value());
}

TEST_CASE("what is no R of version 1 is refused") {
    for (const char* text : {"", " ", "null", "[]", "1", "{", "{}", "{} x", R"({"version":1})",
                             R"({"version":1,"execution":[]})", R"({"version":1,"execution":{}})",
                             R"({"version":1,"execution":{"R_lite":{}}})",
                             R"({"version":1,"execution":{"R_lite":[]}})", "\xFF\xFE"}) {
        CAPTURE(text);
        CHECK_FALSE(ResourceSet::parse(text).has_value());
    }
    for (const char* version : {"2", "0", "-1", "1.0", "\"1\"", "true", "18446744073709551615"}) {
        CHECK(reencoded(std::string(R"({"version":)") + version + with(row, hosts).substr(12)) ==
              "refused: its version is not 1");
    }
    CHECK(ResourceSet::parse(with(row, hosts)).has_value());
}

TEST_CASE("deep nesting is refused and not followed") {
    CHECK_FALSE(ResourceSet::parse(std::string(1000000, '[')).has_value());
    CHECK_FALSE(ResourceSet::parse(R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}")
                    .has_value());
}

TEST_CASE("each entry has ranks and cores of its own") {
    const auto refusal = [](const std::string& rows) { return reencoded(with(rows, hosts)); };
    CHECK(refusal("1") == "refused: R_lite[0] is not an object");
    CHECK(refusal(R"({"rank":"0"})") == "refused: R_lite[0] has no children");
    CHECK(refusal(R"({"rank":"0","children":[]})") == "refused: R_lite[0] has no children");
    CHECK(refusal(R"({"rank":"0","children":{}})") ==
          "refused: R_lite[0].children.core is not there or not a string");
    CHECK(refusal(R"({"rank":0,"children":{"core":"0"}})") ==
          "refused: R_lite[0].rank is not there or not a string");
    CHECK(refusal(R"({"rank":"","children":{"core":"0"}})") == "refused: R_lite[0] has no ranks");
    CHECK(refusal(R"({"rank":"0","children":{"core":""}})") == "refused: R_lite[0] has no cores");
    CHECK(refusal(R"({"rank":"0","children":{"core":"3-1"}})") ==
          "refused: R_lite[0].children.core: 3-1 runs backwards in 3-1");
    CHECK(refusal(R"({"rank":"0","children":{"core":"0","gpu":1}})") ==
          "refused: R_lite[0].children.gpu is not there or not a string");
    CHECK(refusal(std::string(row) + R"(,{"rank":"1","children":{"core":"0"}})") ==
          "refused: R_lite[1] has ranks of an earlier entry: 1");
}

TEST_CASE("there are as many hosts as ranks") {
    CHECK(reencoded(with(row, R"("fp-0")")) == "refused: nodelist has 1 hosts, R_lite 2 ranks");
    CHECK(reencoded(with(row, "")) == "refused: nodelist has 0 hosts, R_lite 2 ranks");
    CHECK(reencoded(with(row, "1")) == "refused: nodelist is not a list of strings");
    CHECK(reencoded(with(row, R"("fp-[1-0]")")) ==
          "refused: nodelist: range 1-0 runs backwards in fp-[1-0]");
    CHECK(reencoded(R"({"version":1,"execution":{"R_lite":[)" + std::string(row) + "]}}") ==
          "refused: there is no nodelist");
    CHECK(reencoded(with(R"({"rank":"0-2147483647","children":{"core":"0"}})", hosts)) ==
          "refused: nodelist has 2 hosts, R_lite 2147483648 ranks");
}

TEST_CASE("properties have names that Flux takes, and ranks that exist") {
    const auto refusal = [](const std::string& properties) {
        return reencoded(with(row, hosts, R"(,"properties":)" + properties));
    };
    CHECK(refusal("[]") == "refused: properties is not an object");
    CHECK(refusal(R"({"a|b":"0"})") == "refused: \"a|b\" cannot be the name of a property");
    CHECK(refusal(R"({"":"0"})") == "refused: \"\" cannot be the name of a property");
    CHECK(refusal(R"({"a":0})") == "refused: property a is not there or not a string");
    CHECK(refusal(R"({"a":"0-"})") == "refused: property a: \"0-\" is not a range in 0-");
    CHECK(refusal(R"({"a":"1-2"})") == "refused: property a is given to ranks that R_lite lacks");
    CHECK(ResourceSet::parse(with(row, hosts, R"(,"properties":{"a":"0-1","b":""})")).has_value());
}

TEST_CASE("a property name is printable ASCII without the signs of Flux's constraints") {
    CHECK(is_property_name("gpu"));
    CHECK(is_property_name("a-b_c.d/e=f:g,h"));
    for (const char* name : {"", "a b", "a!", "a&b", "a'b", "a\"b", "a^b", "a`b", "a|b", "(a", "a)",
                             "a\n", "\xC3\xBC"}) {
        CAPTURE(name);
        CHECK_FALSE(is_property_name(name));
    }
}

TEST_CASE("an R of a hundred thousand equal hosts stays small") {
    ResourceSet set;
    set.entries = {{Idset::range(0, 99999), Idset::range(0, 127), {}}};
    set.hosts.append_range("fp-", 0, 99999, 1, "");
    CHECK(set.encode().size() < 200);
    CHECK(reencoded(set.encode()) == set.encode());
}
