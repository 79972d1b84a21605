// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_book.hpp"

#include <doctest/doctest.h>

using namespace fluxpod;

namespace {

Plan plan_of(std::uint32_t size, std::uint32_t max_size, std::uint32_t fan_out) {
    Plan plan;
    plan.identity.size = size;
    plan.identity.max_size = max_size;
    plan.identity.hostname = "fp-0";
    plan.identity.hosts.append_range("fp-", 0, max_size - 1, 1, "");
    plan.tree = Tree({.kind = TopologySpec::Kind::kary, .k = fan_out}, max_size);
    return plan;
}

Presence present(std::uint32_t rank, std::uint32_t parent) {
    return {.rank = rank,
            .hostname = "fp-" + std::to_string(rank),
            .parent = parent,
            .waited = std::chrono::milliseconds(5),
            .refused = 0};
}

constexpr TimePoint start{std::chrono::hours(1)};
constexpr TimePoint later = start + std::chrono::milliseconds(30);

}  // namespace

TEST_CASE("a cluster of one is complete with its lead") {
    const Plan plan = plan_of(1, 4, 2);
    const RollBook book(plan, start);
    CHECK(book.full());
    CHECK(book.close().complete);
    CHECK(book.close().lacking.empty());
}

TEST_CASE("the book is full when every rank has come, with when and how long each waited") {
    const Plan plan = plan_of(3, 3, 2);
    RollBook book(plan, start);
    book.enter(present(2, 0), later);
    CHECK_FALSE(book.full());
    book.enter(present(1, 0), later);
    book.enter(present(1, 0), later + std::chrono::hours(1));
    CHECK(book.full());
    const RollCall call = book.close();
    CHECK(call.complete);
    CHECK(call.joined == 3);
    CHECK(call.rows[1].after == std::chrono::milliseconds(30));
    CHECK(call.rows[1].waited == std::chrono::milliseconds(5));
}

TEST_CASE("every missing rank has a reason, and the missing parent is the reason of its children") {
    const Plan plan = plan_of(7, 7, 2);
    RollBook book(plan, start);
    for (const std::uint32_t rank : {2U, 5U}) book.enter(present(rank, (rank - 1) / 2), later);
    const RollCall call = book.close();
    CHECK_FALSE(call.complete);
    CHECK(call.rows[1].missing == "not heard of");
    CHECK(call.rows[3].missing == "its parent, rank 1, is missing");
    CHECK(call.rows[4].missing == "its parent, rank 1, is missing");
    CHECK(call.rows[6].missing == "not heard of");
    CHECK(call.lacking ==
          "fp-1 (rank 1): not heard of; fp-3 (rank 3): its parent, rank 1, is missing; "
          "fp-4 (rank 4): its parent, rank 1, is missing; fp-6 (rank 6): not heard of");
}

TEST_CASE(
    "a pod with another name is reported in the place that it took, until the right one comes") {
    const Plan plan = plan_of(2, 2, 2);
    RollBook book(plan, start);
    Presence wrong = present(1, 0);
    wrong.hostname = "other-1";
    book.enter(wrong, later);
    CHECK_FALSE(book.full());
    CHECK(book.close().rows[1].missing == "other-1 came as this rank");
    book.enter(present(1, 0), later);
    CHECK(book.full());
    CHECK(book.close().rows[1].missing.empty());
}

TEST_CASE("a pod with another topology is reported") {
    const Plan plan = plan_of(4, 4, 2);
    RollBook book(plan, start);
    book.enter(present(3, 0), later);
    CHECK(book.close().rows[3].missing ==
          "it takes rank 0 for its parent and the lead rank 1: their topologies differ");
}

TEST_CASE("ranks outside of the host list and the lead's own are nobody's") {
    const Plan plan = plan_of(2, 3, 2);
    RollBook book(plan, start);
    book.enter(present(0, 0), later);
    book.enter(present(3, 1), later);
    book.enter(present(4294967295U, 1), later);
    CHECK(book.close().joined == 1);
}

TEST_CASE("a rank that is registered but not expected is not counted") {
    const Plan plan = plan_of(2, 3, 2);
    RollBook book(plan, start);
    book.enter(present(2, 0), later);
    CHECK(book.close().joined == 1);
    CHECK(book.close().rows.size() == 2);
}

TEST_CASE("a parent that is not among the expected is a reason") {
    Plan plan = plan_of(2, 3, 2);
    plan.tree = Tree({.kind = TopologySpec::Kind::custom, .k = 0}, 3, {0, 2, 0});
    const RollBook book(plan, start);
    CHECK(book.close().rows[1].missing == "its parent, rank 2, is not among the 2 expected");
}

TEST_CASE("refused keys: the verdict only if there was no other trouble") {
    const Plan plan = plan_of(3, 3, 2);
    SUBCASE("the lead's own door") {
        RollBook book(plan, start);
        book.note_refusal(0);
        CHECK(book.close().refused_keys);
        CHECK(book.close().rows[1].missing ==
              "not heard of; rank 0 turned away a connection with another certificate");
    }
    SUBCASE("an interior rank's door") {
        const Plan chain = plan_of(3, 3, 1);
        RollBook book(chain, start);
        Presence interior = present(1, 0);
        interior.refused = 2;
        book.enter(interior, later);
        CHECK(book.close().refused_keys);
        CHECK(book.close().rows[2].missing ==
              "not heard of; rank 1 turned away a connection with another certificate");
    }
    SUBCASE("all came all the same") {
        RollBook book(plan, start);
        book.note_refusal(0);
        book.enter(present(1, 0), later);
        book.enter(present(2, 0), later);
        CHECK_FALSE(book.close().refused_keys);
    }
    SUBCASE("another name came as well") {
        RollBook book(plan, start);
        book.note_refusal(0);
        Presence wrong = present(1, 0);
        wrong.hostname = "other-1";
        book.enter(wrong, later);
        CHECK_FALSE(book.close().refused_keys);
    }
}

TEST_CASE("of many missing ranks a few are named and the rest counted") {
    const Plan plan = plan_of(1000, 1000, 0);
    const RollBook book(plan, start);
    const RollCall call = book.close();
    CHECK(call.lacking.ends_with("; and 991 more"));
    CHECK(call.rows[999].missing == "not heard of");
}
