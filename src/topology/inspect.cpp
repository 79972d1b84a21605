// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/topology/inspect.hpp"

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace fluxpod {

namespace {

struct DestroyTopology {
    void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, DestroyTopology>;

struct FreeBitmap {
    void operator()(hwloc_bitmap_t bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

enum class X86Probe { without, with };

tl::unexpected<Error> hwloc_failed(const std::string& xml, const std::string& step) {
    const int error_number = errno;
    return fail({.code = ExitCode::settings,
                 .doing = "read the hardware of this node with hwloc",
                 .subject = xml,
                 .cause = step + ": " + describe_errno(error_number),
                 .tried = {},
                 .hint = xml.empty() ? "is /sys mounted, and is a HWLOC_ variable set?" : ""});
}

// NUMA nodes and PUs are always loaded; of the rest only what is counted.
bool load_only_what_is_counted(hwloc_topology_t topology) {
    return hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) ==
               0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_PACKAGE,
                                          HWLOC_TYPE_FILTER_KEEP_ALL) == 0;
}

Result<Topology> load(const std::string& xml, X86Probe probe) {
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0) return hwloc_failed(xml, "init");
    Topology topology(raw);
    if (!load_only_what_is_counted(raw)) return hwloc_failed(xml, "type filters");
    // Disallowed CPUs are loaded so that the whole machine can be counted beside the pod's part.
    constexpr unsigned long flags =
        HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
        HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
    if (hwloc_topology_set_flags(raw, flags) != 0) return hwloc_failed(xml, "flags");
    // The x86 component visits every PU to ask its cpuid, which costs most where there are many.
    if (probe == X86Probe::without &&
        hwloc_topology_set_components(raw, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86") != 0) {
        return hwloc_failed(xml, "components");
    }
    if (!xml.empty() && hwloc_topology_set_xml(raw, xml.c_str()) != 0) {
        return hwloc_failed(xml, "not a topology that hwloc can read");
    }
    if (hwloc_topology_load(raw) != 0) return hwloc_failed(xml, "load");
    return topology;
}

std::uint32_t count(const Topology& topology, hwloc_obj_type_t type) {
    return static_cast<std::uint32_t>(std::max(0, hwloc_get_nbobjs_by_type(topology.get(), type)));
}

std::uint32_t count_cores(const Topology& topology) {
    const std::uint32_t cores = count(topology, HWLOC_OBJ_CORE);
    return cores > 0 ? cores : count(topology, HWLOC_OBJ_PU);
}

// What the cgroup allows and, on the live machine, the process is bound to: Flux's own restriction.
Status restrict_to_pod(const Topology& topology, const std::string& xml) {
    const Bitmap cpus(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology.get())));
    const Bitmap bound(hwloc_bitmap_alloc());
    if (!cpus || !bound) return hwloc_failed(xml, "allocate a CPU set");
    if (xml.empty()) {
        if (hwloc_get_cpubind(topology.get(), bound.get(), HWLOC_CPUBIND_PROCESS) != 0) {
            return hwloc_failed(xml, "CPU binding of this process");
        }
        hwloc_bitmap_and(cpus.get(), cpus.get(), bound.get());
    }
    // Flux keeps NUMA nodes without a CPU, and with them their package, but counts neither.
    if (hwloc_topology_restrict(topology.get(), cpus.get(), HWLOC_RESTRICT_FLAG_REMOVE_CPULESS) !=
        0) {
        return hwloc_failed(xml, "restrict to the CPUs that this pod may use");
    }
    return {};
}

}  // namespace

Result<NodeShape> inspect_topology(const std::string& xml) {
    auto topology = load(xml, X86Probe::without);
    if (topology && count(*topology, HWLOC_OBJ_CORE) == 0) topology = load(xml, X86Probe::with);
    if (!topology) return fail(topology.error());

    NodeShape shape;
    shape.complete_cores = count_cores(*topology);
    shape.complete_pus = count(*topology, HWLOC_OBJ_PU);
    if (auto done = restrict_to_pod(*topology, xml); !done) return fail(done.error());
    shape.cores = count_cores(*topology);
    shape.pus = count(*topology, HWLOC_OBJ_PU);
    shape.packages = count(*topology, HWLOC_OBJ_PACKAGE);
    shape.numa_nodes = count(*topology, HWLOC_OBJ_NUMANODE);
    return shape;
}

}  // namespace fluxpod
