// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/inspect.hpp"

#include <doctest/doctest.h>
#include <hwloc.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

using fluxpod::ExitCode;
using fluxpod::inspect_topology;

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

TEST_CASE("a pod that is allowed a part of the node: counts its part and knows the whole") {
    auto shape = inspect_topology(data("share.xml"));  // PUs 4-6: one core and half of another
    REQUIRE(shape);
    CHECK(shape->cores == 2);
    CHECK(shape->pus == 3);
    CHECK(shape->packages == 2);
    CHECK(shape->numa_nodes == 2);
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

TEST_CASE("the live node: as many CPUs as the kernel gives this process and has online") {
    cpu_set_t ours;
    CPU_ZERO(&ours);
    REQUIRE(sched_getaffinity(0, sizeof ours, &ours) == 0);
    auto shape = inspect_topology();
    REQUIRE(shape);
    CHECK(shape->pus == static_cast<unsigned>(CPU_COUNT(&ours)));
    CHECK(shape->complete_pus == static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)));
    CHECK(shape->unseen.empty());
    fluxpod::Idset counted;
    for (const auto& core : shape->counted) {
        for (const auto& range : core.cpus.ranges()) counted.insert(range);
    }
    for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        CHECK(counted.contains(cpu) == (CPU_ISSET(cpu, &ours) != 0));
    }
}

TEST_CASE("a variable describes another machine: it is said, with the kernel's own count") {
    cpu_set_t ours;
    CPU_ZERO(&ours);
    REQUIRE(sched_getaffinity(0, sizeof ours, &ours) == 0);
    for (const auto& [name, value] : {std::pair{"HWLOC_SYNTHETIC", std::string("core:16 pu:1")},
                                      std::pair{"HWLOC_XMLFILE", data("two_packages.xml")}}) {
        setenv(name, value.c_str(), 1);
        auto shape = inspect_topology();
        unsetenv(name);
        REQUIRE(shape);
        CHECK(shape->pus == 16);
        CHECK(shape->unseen.find(name) != std::string::npos);
        CHECK(shape->kernel_pus == static_cast<unsigned>(CPU_COUNT(&ours)));
    }
    // A machine that is named is meant.
    CHECK(inspect_topology("core:16 pu:1")->unseen.empty());
}

TEST_CASE("a process bound to one CPU counts one core and one PU, as Flux does") {
    const BoundToOneCpu bound;
    auto shape = inspect_topology();
    REQUIRE(shape);
    CHECK(shape->cores == 1);
    CHECK(shape->pus == 1);
}

TEST_CASE("a description: read as a machine") {
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

// What Flux loads: no filter but those for I/O.
std::vector<std::string> cores_of_flux(const std::string& machine) {
    hwloc_topology_t topology = nullptr;
    REQUIRE(hwloc_topology_init(&topology) == 0);
    REQUIRE((machine.find(".xml") == std::string::npos
                 ? hwloc_topology_set_synthetic(topology, machine.c_str())
                 : hwloc_topology_set_xml(topology, data(machine).c_str())) == 0);
    REQUIRE(hwloc_topology_load(topology) == 0);
    std::vector<std::string> cores;
    for (int i = 0; i < hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE); ++i) {
        char* text = nullptr;
        const auto* core =
            hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, static_cast<unsigned>(i));
        REQUIRE(hwloc_bitmap_list_asprintf(&text, core->cpuset) >= 0);
        cores.emplace_back(text);
        std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): hwloc's
    }
    hwloc_topology_destroy(topology);
    return cores;
}

TEST_CASE("the order of the cores: Flux's own, also if the kernel interleaves nodes or threads") {
    for (const std::string machine :
         {"two_packages.xml", "offline.xml", "hybrid.xml", "gpus.xml", "interleaved.xml",
          "package:2 core:4 pu:2(indexes=0,8,1,9,2,10,3,11,4,12,5,13,6,14,7,15)",
          "package:2 numa:2 core:2 pu:1(indexes=0,4,2,6,1,5,3,7)",
          "package:1 group:2 core:4 pu:1(indexes=0,2,4,6,1,3,5,7)",
          "package:1 die:2 core:4 pu:1(indexes=0,2,4,6,1,3,5,7)",
          "package:1 l3:2 core:4 pu:1(indexes=0,2,4,6,1,3,5,7)"}) {
        CAPTURE(machine);
        auto shape =
            inspect_topology(machine.find(".xml") == std::string::npos ? machine : data(machine));
        REQUIRE(shape);
        std::vector<std::string> ours;
        for (const auto& core : shape->counted) ours.push_back(core.cpus.encode());
        CHECK(ours == cores_of_flux(machine));
    }
}

TEST_CASE("a file that is not a topology: error 10 with its path") {
    for (const auto* path : {"/nonexistent/topology.xml", "/proc/self/environ", "/dev/null", "/"}) {
        auto shape = inspect_topology(path);
        REQUIRE_FALSE(shape);
        CHECK(shape.error().code == ExitCode::settings);
        CHECK(shape.error().message().find(path) != std::string::npos);
    }
}
