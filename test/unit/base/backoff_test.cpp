// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/backoff.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace fluxpod;
using namespace std::chrono_literals;

TEST_CASE("without jitter, delays grow by the factor up to the most") {
    Backoff backoff({.first = 100ms, .most = 1s, .factor = 2, .jitter = 0}, 1);
    CHECK(backoff.next() == 100ms);
    CHECK(backoff.next() == 200ms);
    CHECK(backoff.next() == 400ms);
    CHECK(backoff.next() == 800ms);
    CHECK(backoff.next() == 1s);
    CHECK(backoff.next() == 1s);
}

TEST_CASE("steady delays go before those that grow") {
    Backoff backoff({.first = 100ms, .most = 1s, .factor = 2, .steady = 3, .jitter = 0}, 1);
    for (int i = 0; i < 4; ++i) CHECK(backoff.next() == 100ms);
    CHECK(backoff.next() == 200ms);
    CHECK(backoff.next() == 400ms);
}

TEST_CASE("after a reset the delays begin anew") {
    Backoff backoff({.first = 100ms, .most = 1s, .factor = 2, .jitter = 0}, 1);
    for (int i = 0; i < 5; ++i) static_cast<void>(backoff.next());
    backoff.reset();
    CHECK(backoff.next() == 100ms);
}

TEST_CASE("jitter stays within its share") {
    Backoff backoff({.first = 100ms, .most = 100ms, .factor = 2, .jitter = 0.25}, 42);
    std::set<Duration> delays;
    for (int i = 0; i < 1000; ++i) {
        const auto delay = backoff.next();
        REQUIRE(delay >= 75ms);
        REQUIRE(delay <= 125ms);
        delays.insert(delay);
    }
    CHECK(delays.size() > 900);
    CHECK(*delays.begin() < 80ms);
    CHECK(*delays.rbegin() > 120ms);
}

TEST_CASE("pods with neighbouring seeds do not ask together") {
    std::set<Duration> delays;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        delays.insert(Backoff(BackoffPolicy{}, seed).next());
    }
    CHECK(delays.size() > 990);
}

TEST_CASE("the same seed gives the same delays") {
    Backoff one(BackoffPolicy{}, 7);
    Backoff other(BackoffPolicy{}, 7);
    for (int i = 0; i < 20; ++i) CHECK(one.next() == other.next());
}

TEST_CASE("tries without number stay within bounds") {
    Backoff backoff({.first = 50ms, .most = 2s, .factor = 1.6, .jitter = 0}, 1);
    Backoff zero({.first = 0ms, .most = 2s, .factor = 1.6, .jitter = 0}, 1);
    for (int i = 0; i < 5000; ++i) {
        REQUIRE(backoff.next() <= 2s);
        const auto delay = zero.next();
        REQUIRE(delay >= 0s);
        REQUIRE(delay <= 2s);
    }
}
