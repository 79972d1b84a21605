// SPDX-License-Identifier: Apache-2.0
// The rules are written here as Flux's documentation has them, from the parents' side and by
// building the tree, while tree.cpp answers from the child's side by arithmetic.
#include "fluxpod/plan/tree.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fluxpod {
namespace {

using Kind = TopologySpec::Kind;
using Parents = std::vector<std::uint32_t>;  // entry 0 is unused

// Breadth first: each rank in turn takes the next k ranks that have no parent yet.
Parents grow_kary(std::uint32_t size, std::uint32_t k) {
    Parents parents(size, 0);
    std::uint32_t next = 1;
    for (std::uint32_t parent = 0; next < size; ++parent) {
        for (std::uint32_t i = 0; i < k && next < size; ++i) parents[next++] = parent;
    }
    return parents;
}

// Three levels: ranks 1 to k are below the lead, the others are dealt to them like cards.
Parents grow_mincrit(std::uint32_t size, std::uint32_t k) {
    Parents parents(size, 0);
    std::uint32_t dealt_to = 1;
    for (std::uint32_t leaf = k + 1; leaf < size && k > 0; ++leaf) {
        parents[leaf] = dealt_to;
        dealt_to = dealt_to == k ? 1 : dealt_to + 1;
    }
    return parents;
}

// The fewest interior ranks with at most 1024 leaves each; none if the lead can serve 1024 peers,
// and never just one.
std::uint32_t fewest_interior_ranks(std::uint32_t size) {
    if (size - 1 <= 1024) return 0;
    for (std::uint32_t k = 2;; ++k) {
        std::uint32_t leaves = size - 1 - k;
        std::uint32_t fullest = leaves / k + (leaves % k == 0 ? 0 : 1);
        if (fullest <= 1024) return k;
    }
}

// A binomial tree of 2^n ranks is two of 2^(n-1), the second hung below the root of the first;
// ranks past the size are left out.
Parents grow_binomial(std::uint32_t size) {
    Parents parents(1, 0);
    while (parents.size() < size) {
        const auto half = static_cast<std::uint32_t>(parents.size());
        for (std::uint32_t i = 0; i < half; ++i) parents.push_back(i == 0 ? 0 : half + parents[i]);
    }
    parents.resize(size);
    return parents;
}

bool agrees(const Tree& tree, const Parents& expected) {
    if (tree.parent_of(0)) return false;
    for (std::uint32_t rank = 1; rank < expected.size(); ++rank) {
        if (tree.parent_of(rank) != expected[rank]) return false;
    }
    return true;
}

// Every small size, and those around which Flux's choice for mincrit changes.
std::vector<std::uint32_t> sizes() {
    std::vector<std::uint32_t> list;
    for (std::uint32_t size = 1; size <= 300; ++size) list.push_back(size);
    for (std::uint32_t around : {1025U, 1026U, 2050U, 2051U, 3075U, 3076U, 4100U, 4999U}) {
        for (std::uint32_t size = around - 1; size <= around + 1; ++size) list.push_back(size);
    }
    return list;
}

TEST_CASE("kary deals ranks breadth first") {
    for (auto size : sizes()) {
        for (std::uint32_t k : {1U, 2U, 3U, 16U, 32U, 1000U, 10000U}) {
            CAPTURE(size);
            CAPTURE(k);
            CHECK(agrees(Tree({Kind::kary, k}, size), grow_kary(size, k)));
        }
    }
}

TEST_CASE("kary:0 and flat hang everybody under the lead") {
    for (auto size : {1U, 2U, 257U, 5000U}) {
        const Parents all_zero(size, 0);
        CHECK(agrees(Tree({Kind::kary, 0}, size), all_zero));
        CHECK(agrees(Tree({Kind::flat, 32}, size), all_zero));
    }
}

TEST_CASE("mincrit with a number has that many interior ranks") {
    for (auto size : sizes()) {
        for (std::uint32_t k : {1U, 2U, 7U, 64U, 6000U}) {
            CAPTURE(size);
            CAPTURE(k);
            CHECK(agrees(Tree({Kind::mincrit, k}, size), grow_mincrit(size, k)));
        }
    }
}

TEST_CASE("mincrit without a number chooses as Flux does") {
    for (auto size : sizes()) {
        CAPTURE(size);
        CHECK(agrees(Tree({Kind::mincrit, 0}, size),
                     grow_mincrit(size, fewest_interior_ranks(size))));
    }
    // Counted by flux-core 0.88's own code.
    CHECK(Tree({Kind::mincrit, 0}, 1025).children_of(0).size() == 1024);
    CHECK(Tree({Kind::mincrit, 0}, 1026).children_of(0).size() == 2);
    CHECK(Tree({Kind::mincrit, 0}, 2051).children_of(0).size() == 2);
    CHECK(Tree({Kind::mincrit, 0}, 2052).children_of(0).size() == 3);
    CHECK(Tree({Kind::mincrit, 0}, 100000).children_of(0).size() == 98);
}

TEST_CASE("binomial doubles itself") {
    for (auto size : sizes()) {
        CAPTURE(size);
        CHECK(agrees(Tree({Kind::binomial, 0}, size), grow_binomial(size)));
    }
    const Tree tree({Kind::binomial, 0}, 16);
    CHECK(tree.children_of(0) == std::vector<std::uint32_t>{1, 2, 4, 8});
    CHECK(tree.children_of(8) == std::vector<std::uint32_t>{9, 10, 12});
    CHECK(tree.children_of(12) == std::vector<std::uint32_t>{13, 14});
    CHECK_FALSE(tree.has_children(15));
}

TEST_CASE("custom follows the given parents, and a rank without one hangs under the lead") {
    const Tree tree({Kind::custom, 0}, 6, {0, 0, 1, 1, 2});
    CHECK(tree.parent_of(3) == 1U);
    CHECK(tree.parent_of(4) == 2U);
    CHECK(tree.parent_of(5) == 0U);
    CHECK(tree.children_of(1) == std::vector<std::uint32_t>{2, 3});
    CHECK(tree.has_children(2));
    CHECK_FALSE(tree.has_children(4));
}

TEST_CASE("golden spots of Flux's default, kary:32") {
    const Tree tree({Kind::kary, 32}, 1057);
    CHECK(tree.parent_of(32) == 0U);
    CHECK(tree.parent_of(33) == 1U);
    CHECK(tree.parent_of(1056) == 32U);
    CHECK(tree.children_of(0).size() == 32);
    CHECK(tree.children_of(32).back() == 1056);
    CHECK_FALSE(tree.has_children(33));
}

TEST_CASE("a cluster of one has neither parent nor children") {
    for (auto kind : {Kind::kary, Kind::mincrit, Kind::binomial, Kind::custom, Kind::flat}) {
        const Tree tree({kind, 0}, 1);
        CHECK_FALSE(tree.parent_of(0));
        CHECK_FALSE(tree.has_children(0));
        CHECK(tree.children_of(0).empty());
    }
}

TEST_CASE("parents and children agree, and every rank reaches the lead") {
    for (TopologySpec spec :
         {TopologySpec{Kind::kary, 2}, {Kind::mincrit, 5}, {Kind::binomial, 0}}) {
        const Tree tree(spec, 200);
        std::size_t children = 0;
        for (std::uint32_t rank = 0; rank < 200; ++rank) {
            for (auto child : tree.children_of(rank)) CHECK(tree.parent_of(child) == rank);
            children += tree.children_of(rank).size();
            CHECK(tree.has_children(rank) == !tree.children_of(rank).empty());
            if (rank > 0) CHECK(*tree.parent_of(rank) < rank);
        }
        CHECK(children == 199);
    }
}

}  // namespace
}  // namespace fluxpod
