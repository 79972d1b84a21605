// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/topology/inspect.hpp"

#include <doctest/doctest.h>
#include <sched.h>

using fluxpod::ExitCode;
using fluxpod::inspect_topology;
using fluxpod::NodeShape;

#include "test_data.hpp"

namespace {

std::string data(const std::string& name) { return fluxpod::test_data("hwloc/" + name); }

// Runs with one CPU of those that the process has, and gives them back.
class BoundToOneCpu {
  public:
    BoundToOneCpu() {
        CPU_ZERO(&before_);
        REQUIRE(sched_getaffinity(0, sizeof before_, &before_) == 0);
        int cpu = 0;
        while (!CPU_ISSET(static_cast<unsigned>(cpu), &before_)) ++cpu;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(cpu), &one);
        REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    }
    BoundToOneCpu(const BoundToOneCpu&) = delete;
    BoundToOneCpu& operator=(const BoundToOneCpu&) = delete;
    ~BoundToOneCpu() { sched_setaffinity(0, sizeof before_, &before_); }

  private:
    cpu_set_t before_{};
};

}  // namespace

TEST_CASE("two packages of four cores with two threads are counted as that") {
    auto shape = inspect_topology(data("two_packages.xml"));
    REQUIRE(shape);
    CHECK(shape->packages == 2);
    CHECK(shape->cores == 8);
    CHECK(shape->pus == 16);
    CHECK(shape->complete_cores == 8);
    CHECK(shape->complete_pus == 16);
    CHECK(shape->numa_nodes == 1);
    CHECK(shape->gpus == 0);
}

TEST_CASE("a pod that is allowed a part of the node counts its part and knows the whole") {
    auto shape = inspect_topology(data("share.xml"));  // PUs 4-6: one core and half of another
    REQUIRE(shape);
    CHECK(shape->cores == 2);
    CHECK(shape->pus == 3);
    CHECK(shape->packages == 1);
    CHECK(shape->numa_nodes == 1);
    CHECK(shape->complete_cores == 8);
    CHECK(shape->complete_pus == 16);
}

TEST_CASE("a machine without core objects counts its PUs as cores") {
    auto shape = inspect_topology(data("no_cores.xml"));
    REQUIRE(shape);
    CHECK(shape->cores == 4);
    CHECK(shape->complete_cores == 4);
    CHECK(shape->packages == 0);
}

TEST_CASE("a topology of another machine is not cut to the binding of this process") {
    const BoundToOneCpu bound;
    auto shape = inspect_topology(data("two_packages.xml"));
    REQUIRE(shape);
    CHECK(shape->pus == 16);
}

TEST_CASE("the live node has at least one core, and no more than the whole machine") {
    auto shape = inspect_topology();
    REQUIRE(shape);
    CHECK(shape->cores >= 1);
    CHECK(shape->pus >= shape->cores);
    CHECK(shape->complete_cores >= shape->cores);
    CHECK(shape->complete_pus >= shape->pus);
}

TEST_CASE("a process bound to one CPU counts one core and one PU, as Flux does") {
    const BoundToOneCpu bound;
    auto shape = inspect_topology();
    REQUIRE(shape);
    CHECK(shape->cores == 1);
    CHECK(shape->pus == 1);
}

TEST_CASE("a description stands for a machine") {
    auto shape = inspect_topology("package:2 numa:2 core:24 pu:2");
    REQUIRE(shape);
    CHECK(shape->packages == 2);
    CHECK(shape->numa_nodes == 4);
    CHECK(shape->cores == 96);
    CHECK(shape->pus == 192);
    REQUIRE(shape->counted.size() == 96);
    CHECK(shape->counted[1].cpus.encode() == "2-3");
    CHECK(shape->counted[47].package == 0);
    CHECK(shape->counted[48].package == 1);
    CHECK_FALSE(inspect_topology("core:0 nonsense:-1"));
}

TEST_CASE("offline CPUs are known and not counted") {
    auto shape = inspect_topology(data("offline.xml"));
    REQUIRE(shape);
    CHECK(shape->complete_pus == 6);
    CHECK(shape->offline_pus == 2);
}

TEST_CASE("a recorded machine's GPUs are those that Flux counts") {
    auto shape = inspect_topology(data("gpus.xml"));
    REQUIRE(shape);
    CHECK(shape->gpus == 4);
}

TEST_CASE("a narrowed node has the cores that are left, and the CPUs of each") {
    auto shape = inspect_topology("package:1 core:4 pu:2");
    REQUIRE(shape);
    const NodeShape left = narrowed(*shape, fluxpod::Idset::range(1, 4));
    CHECK(left.cores == 3);
    CHECK(left.pus == 4);
    CHECK(left.counted[0].cpus.encode() == "1");
    CHECK(left.complete_pus == 8);
    CHECK(narrowed(*shape, {}).cores == 0);
}

TEST_CASE("a file that is no topology is error 10 with its path") {
    for (const auto* path : {"/nonexistent/topology.xml", "/proc/self/environ", "/dev/null", "/"}) {
        auto shape = inspect_topology(path);
        REQUIRE_FALSE(shape);
        CHECK(shape.error().code == ExitCode::settings);
        CHECK(shape.error().message().find(path) != std::string::npos);
    }
}
