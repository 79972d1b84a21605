// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/inspect.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "fluxpod/node/gpus.hpp"
#include "hwloc_topology.hpp"

namespace fluxpod {

namespace {

constexpr const char* sysfs_cpus = "/sys/devices/system/cpu";

// Returns why hwloc may show another machine than this one, or nothing. Flux reads the same
// environment, and a variable of its own besides.
std::string why_unseen() {
    std::string why;
    for (const char* name : {"HWLOC_SYNTHETIC", "HWLOC_XMLFILE", "HWLOC_FSROOT", "HWLOC_CPUID_PATH",
                             "HWLOC_COMPONENTS", "FLUX_HWLOC_XMLFILE"}) {
        // There is no other thread yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        why += std::string(why.empty() ? "" : ", ") + name + "=" + value;
    }
    if (!why.empty()) return why + " describes another machine";
    // As hwloc asks: faccessat2, which an old seccomp profile denies with EPERM.
    if (::faccessat(AT_FDCWD, sysfs_cpus, R_OK, 0) == 0) return "";
    const int error_number = errno;
    return std::string(sysfs_cpus) + " could not be read (" + describe_errno(error_number) +
           "), and hwloc counts by what it can find out without";
}

std::uint32_t cpus_of_kernel() {
    // The kernel takes a mask of any length that holds all CPUs; CPU_SET's own type ends at 1024.
    for (std::size_t sets = 1; sets <= 64; sets *= 2) {
        std::vector<cpu_set_t> mask(sets);
        const std::size_t bytes = sets * sizeof(cpu_set_t);
        if (::sched_getaffinity(0, bytes, mask.data()) != 0) continue;
        return static_cast<std::uint32_t>(CPU_COUNT_S(bytes, mask.data()));
    }
    return 0;
}

void look_at_what_was_not_seen(NodeShape& shape) {
    shape.unseen = why_unseen();
    if (shape.unseen.empty()) return;
    if (const std::uint32_t cpus = cpus_of_kernel(); cpus > 0) shape.kernel_pus = cpus;
}

// hwloc would print it for each load, in lines of its own.
void silence_hwloc() {
    // There is no other thread yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
    (void)::setenv("HWLOC_HIDE_ERRORS", "2", 0);
}

// Flux's own restriction. It keeps NUMA nodes without a CPU, and with them their package, but
// counts neither.
Status restrict_to_pod(const Topology& topology, const std::string& machine) {
    const auto cpus = cpus_of_pod(topology, machine);
    if (!cpus) return fail(cpus.error());
    if (hwloc_topology_restrict(topology.get(), cpus->get(), HWLOC_RESTRICT_FLAG_REMOVE_CPULESS) !=
        0) {
        return hwloc_failed(machine, "restrict to the CPUs that this pod may use");
    }
    return {};
}

std::uint32_t count_offline(const Topology& topology) {
    const int all = hwloc_bitmap_weight(hwloc_topology_get_complete_cpuset(topology.get()));
    const int online = hwloc_bitmap_weight(hwloc_topology_get_topology_cpuset(topology.get()));
    return static_cast<std::uint32_t>(std::max(0, all - online));
}

}  // namespace

Result<NodeShape> inspect_topology(const std::string& machine) {
    if (is_live(machine)) silence_hwloc();
    auto topology = load_topology(machine, Detail::counted);
    if (!topology) return fail(topology.error());

    NodeShape shape;
    if (is_live(machine)) look_at_what_was_not_seen(shape);
    shape.complete_cores = count_objects(*topology, core_type(*topology));
    shape.complete_pus = count_objects(*topology, HWLOC_OBJ_PU);
    shape.packages = count_objects(*topology, HWLOC_OBJ_PACKAGE);
    shape.numa_nodes = count_objects(*topology, HWLOC_OBJ_NUMANODE);
    shape.offline_pus = count_offline(*topology);
    shape.gpus = is_live(machine) ? count_gpus()
                                  : static_cast<std::uint32_t>(gpus_by_hwloc(*topology).size());
    if (auto done = restrict_to_pod(*topology, machine); !done) return fail(done.error());
    const auto core = core_type(*topology);
    shape.cores = count_objects(*topology, core);
    shape.pus = count_objects(*topology, HWLOC_OBJ_PU);
    shape.counted.reserve(shape.cores);
    for (std::uint32_t i = 0; i < shape.cores; ++i) {
        hwloc_obj_t object = hwloc_get_obj_by_type(topology->get(), core, i);
        shape.counted.push_back({idset_of(object->cpuset), package_of(object)});
    }
    return shape;
}

}  // namespace fluxpod
