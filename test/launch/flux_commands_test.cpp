// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/flux_commands.hpp"

#include <doctest/doctest.h>

using namespace fluxpod;

namespace {

std::string event(const std::string& name, const std::string& ranks,
                  const std::string& reason = "fluxpod: the pod is told to end") {
    return R"({"timestamp":1.5,"name":")" + name + R"(","context":{"idset":")" + ranks +
           R"(","nodelist":"fp-1","overwrite":0,"reason":")" + reason + "\"}}\n";
}

}  // namespace

TEST_CASE("a rank that was drained for our reason is drained by us") {
    CHECK(is_drained_by_us(event("drain", "1"), 1));
    CHECK(is_drained_by_us(event("drain", "0-3,7"), 7));
}

TEST_CASE("another rank's drain, another's reason, or none is not ours") {
    CHECK_FALSE(is_drained_by_us("", 1));
    CHECK_FALSE(is_drained_by_us(event("drain", "0,2-11"), 1));
    CHECK_FALSE(is_drained_by_us(event("drain", "1", "broken fan"), 1));
    CHECK_FALSE(is_drained_by_us(R"({"name":"drain","context":{"idset":"1"}})", 1));
}

TEST_CASE("the last word counts") {
    const std::string ours = event("drain", "1");
    CHECK_FALSE(is_drained_by_us(ours + event("undrain", "0-1"), 1));
    CHECK(is_drained_by_us(ours + event("undrain", "2"), 1));
    CHECK(is_drained_by_us(ours + event("undrain", "1") + ours, 1));
    CHECK_FALSE(is_drained_by_us(ours + event("drain", "1", "broken fan"), 1));
    CHECK(is_drained_by_us(ours + event("online", "1"), 1));
}

TEST_CASE("hostile and foreign lines are passed over") {
    const std::string ours = event("drain", "1");
    for (const std::string line :
         {"\n", "not JSON\n", "[]\n", "7\n", "{}\n",
          R"({"name":"undrain"})"
          "\n",
          R"({"name":"undrain","context":7})"
          "\n",
          R"({"name":"undrain","context":{}})"
          "\n",
          R"({"name":"undrain","context":{"idset":1}})"
          "\n",
          R"({"name":"undrain","context":{"idset":"1-"}})"
          "\n",
          R"({"name":7,"context":{"idset":"1"}})"
          "\n",
          R"({"name":"undrain","context":{"idset":"99999999999999999999"}})"
          "\n"}) {
        CAPTURE(line);
        CHECK(is_drained_by_us(ours + line, 1));
        CHECK_FALSE(is_drained_by_us(line, 1));
    }
}
