// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/binding.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <cstdint>

namespace fluxpod {
namespace {

Idset bound_cpus() {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    REQUIRE(sched_getaffinity(0, sizeof mask, &mask) == 0);
    Idset cpus;
    for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &mask)) cpus.insert(cpu);
    }
    return cpus;
}

TEST_CASE("a process is bound to the CPUs that are named, and to all of them again") {
    const Idset before = bound_cpus();
    const std::uint32_t last = before.ranges().back().last;
    REQUIRE(bind_to_cpus(Idset::range(last, last)));
    CHECK(bound_cpus() == Idset::range(last, last));
    REQUIRE(bind_to_cpus(before));
    CHECK(bound_cpus() == before);
}

TEST_CASE("CPUs that are not there are error 12 with their numbers") {
    for (const Idset& cpus : {Idset(), Idset::range(5000, 5001)}) {
        auto bound = bind_to_cpus(cpus);
        REQUIRE_FALSE(bound);
        CHECK(bound.error().code == ExitCode::node_rule);
        CHECK(bound.error().subject == cpus.encode());
    }
}

}  // namespace
}  // namespace fluxpod
