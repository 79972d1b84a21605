// SPDX-License-Identifier: Apache-2.0
// How long a boot's look at the node takes: this machine, one of 512 cores (1024 CPUs) as the
// kernel would describe it in /sys, and the same as hwloc makes it up by itself. Prints the median
// and the extremes in milliseconds.
//
//   bench_topology [ROUNDS]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "fluxpod/node/cgroup.hpp"
#include "fluxpod/node/gpus.hpp"
#include "fluxpod/node/inspect.hpp"
#include "fluxpod/node/node_map.hpp"
#include "temp_dir.hpp"

namespace {

constexpr unsigned cores = 512;
constexpr unsigned packages = 2;
constexpr unsigned threads = 2;

// A CPU mask as /sys writes it: words of 32 bits, the highest first.
std::string mask_of(const std::vector<unsigned>& cpus) {
    std::vector<std::uint32_t> words(cores * threads / 32);
    for (const unsigned cpu : cpus) words[cpu / 32] |= 1U << (cpu % 32);
    std::string text;
    for (auto word = words.rbegin(); word != words.rend(); ++word) {
        text += fmt::format("{}{:08x}", text.empty() ? "" : ",", *word);
    }
    return text + "\n";
}

// The second threads of all cores come after the first ones, as on most machines.
void write_sysfs(const fluxpod::test::TempDir& root) {
    const std::string cpus = "sys/devices/system/cpu/";
    for (const char* file : {"online", "possible", "present"}) {
        root.write(cpus + file, fmt::format("0-{}\n", cores * threads - 1));
    }
    for (unsigned package = 0; package < packages; ++package) {
        std::vector<unsigned> members;
        for (unsigned cpu = 0; cpu < cores * threads; ++cpu) {
            if (cpu % cores / (cores / packages) == package) members.push_back(cpu);
        }
        const std::string all = mask_of(members);
        const std::string node = fmt::format("sys/devices/system/node/node{}/", package);
        root.write(node + "cpumap", all);
        root.write(node + "meminfo", fmt::format("Node {} MemTotal: 1073741824 kB\n", package));
        for (const unsigned cpu : members) {
            const std::string topology = fmt::format("{}cpu{}/topology/", cpus, cpu);
            const unsigned core = cpu % cores;
            root.write(topology + "thread_siblings", mask_of({core, core + cores}));
            root.write(topology + "core_siblings", all);
            root.write(topology + "core_id", fmt::format("{}\n", core % (cores / packages)));
            root.write(topology + "physical_package_id", fmt::format("{}\n", package));
        }
    }
    root.write("sys/devices/system/node/online", "0-1\n");
    root.write("proc/meminfo", "MemTotal: 2147483648 kB\n");
    root.write("proc/cpuinfo", "");
}

void measure(const std::string& name, unsigned rounds, const std::function<std::string()>& look) {
    std::vector<double> times;
    std::string seen;
    for (unsigned round = 0; round <= rounds; ++round) {
        const auto begun = std::chrono::steady_clock::now();
        seen = look();
        const std::chrono::duration<double, std::milli> taken =
            std::chrono::steady_clock::now() - begun;
        if (round > 0) times.push_back(taken.count());  // the first one warms up
    }
    std::sort(times.begin(), times.end());
    fmt::print("{:24}{:>9.3f}{:>9.3f}{:>9.3f}  {}\n", name, times[times.size() / 2], times.front(),
               times.back(), seen);
}

std::string shape_of(const std::string& machine) {
    const auto shape = fluxpod::inspect_topology(machine);
    if (!shape) return shape.error().message();
    return fmt::format("{} cores, {} CPUs", shape->cores, shape->pus);
}

}  // namespace

int main(int argc, char** argv) {
    const auto asked = argc > 1 ? fluxpod::parse_number<unsigned>(argv[1]) : 50U;
    const unsigned rounds = std::max(1U, asked.value_or(50));
    fmt::print("{:24}{:>9}{:>9}{:>9}\n", "milliseconds", "median", "least", "most");
    measure("cgroups", rounds, [] { return fluxpod::read_cgroup_limits().version; });
    measure("device files", rounds, [] { return std::to_string(fluxpod::count_gpus()) + " GPUs"; });
    measure("hwloc, this machine", rounds, [] { return shape_of(""); });
    measure("all that hwloc finds", rounds, [] { return fluxpod::map_node()->cpu_model; });
    measure("hwloc, 512 made up", rounds, [] { return shape_of("package:2 core:256 pu:2"); });

    const fluxpod::test::TempDir root;
    write_sysfs(root);
    ::setenv("HWLOC_FSROOT", root.path().c_str(), 1);
    measure("hwloc, 512 in /sys", rounds, [] { return shape_of(""); });
    return 0;
}
