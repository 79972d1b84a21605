// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/rejoin_budget.hpp"

#include <doctest/doctest.h>

using namespace fluxpod;
using namespace std::chrono_literals;

TEST_CASE("a broker that had joined is followed by the next at once, fifty times in a row") {
    RejoinBudget budget(1);
    TimePoint now{1h};
    for (int i = 0; i < 50; ++i) {
        CHECK(budget.next(now, true) == Duration::zero());
        now += 1s;
    }
}

TEST_CASE("one that never joined is followed later and later, and not for ever") {
    RejoinBudget budget(1);
    TimePoint now{1h};
    Duration last{};
    for (unsigned i = 0; i < RejoinBudget::max_failures_in_a_row; ++i) {
        const auto pause = budget.next(now, false);
        REQUIRE(pause);
        CHECK(*pause > last);
        last = *pause;
        now += 1s;
    }
    CHECK_FALSE(budget.next(now, false));
}

TEST_CASE("a join wipes out the failures before it") {
    RejoinBudget budget(1);
    TimePoint now{1h};
    for (int round = 0; round < 5; ++round) {
        for (unsigned i = 0; i < RejoinBudget::max_failures_in_a_row; ++i) {
            CHECK(budget.next(now, false));
        }
        CHECK(budget.next(now, true) == Duration::zero());
    }
}

TEST_CASE("there is a limit in any ten minutes, and a quiet time resets it") {
    RejoinBudget budget(1);
    TimePoint now{1h};
    for (std::size_t i = 0; i < RejoinBudget::max_in_window; ++i) CHECK(budget.next(now, true));
    CHECK_FALSE(budget.next(now, true));
    CHECK_FALSE(budget.next(now + 9min, true));
    CHECK(budget.next(now + 10min, true));
}
