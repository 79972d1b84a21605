// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/host_ranks.hpp"

#include <doctest/doctest.h>

using namespace fluxpod;

TEST_CASE("the ranks of a list: each name has its first place") {
    const HostRanks ranks(*Hostlist::parse("a,b[0-2],a,c,b1"));
    CHECK(ranks.size() == 5);
    CHECK(ranks.find("b2") == 3);
    CHECK(ranks.find("c") == 4);
    CHECK_FALSE(ranks.find("d"));
}
