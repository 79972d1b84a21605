// SPDX-License-Identifier: Apache-2.0
#include "hwloc_topology.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace fluxpod {

namespace {

enum class X86Probe { without, with };

bool is_synthetic(const std::string& machine) {
    return machine.find(':') != std::string::npos && machine.find('/') == std::string::npos;
}

// NUMA nodes and PUs are always loaded; of the rest only what is counted, and the levels by which
// hwloc orders the cores within a package.
bool load_only_what_is_counted(hwloc_topology_t topology, const std::string& machine) {
    // In a file the devices cost nothing.
    const auto devices =
        is_live(machine) ? HWLOC_TYPE_FILTER_KEEP_NONE : HWLOC_TYPE_FILTER_KEEP_IMPORTANT;
    return hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) ==
               0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_PACKAGE,
                                          HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_GROUP,
                                          HWLOC_TYPE_FILTER_KEEP_STRUCTURE) == 0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_DIE,
                                          HWLOC_TYPE_FILTER_KEEP_STRUCTURE) == 0 &&
           hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_STRUCTURE) == 0 &&
           hwloc_topology_set_io_types_filter(topology, devices) == 0;
}

// A component that this hwloc does not have need not be kept out.
void keep_out(hwloc_topology_t topology, const char* component) {
    (void)hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                        component);
}

// As Flux loads it; the component gl asks X servers.
bool load_everything(hwloc_topology_t topology) {
    keep_out(topology, "gl");
    return hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) == 0;
}

bool set_source(hwloc_topology_t topology, const std::string& machine) {
    if (is_live(machine)) return true;
    return is_synthetic(machine) ? hwloc_topology_set_synthetic(topology, machine.c_str()) == 0
                                 : hwloc_topology_set_xml(topology, machine.c_str()) == 0;
}

Result<Topology> load(const std::string& machine, Detail detail, X86Probe probe) {
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0) return hwloc_failed(machine, "init");
    Topology topology(raw);
    const bool everything = detail == Detail::everything;
    const bool filtered =
        everything ? load_everything(raw) : load_only_what_is_counted(raw, machine);
    if (!filtered) return hwloc_failed(machine, "type filters");
    // Disallowed CPUs are loaded so that the whole machine can be counted beside the pod's part.
    constexpr unsigned long whole = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;
    constexpr unsigned long counted = whole | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
                                      HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                                      HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
    if (hwloc_topology_set_flags(raw, everything ? whole : counted) != 0) {
        return hwloc_failed(machine, "flags");
    }
    // The x86 component visits every PU to ask its cpuid, which costs most on large machines.
    if (probe == X86Probe::without) keep_out(raw, "x86");
    if (!set_source(raw, machine)) {
        return hwloc_failed(machine, "not a topology that hwloc can read");
    }
    if (hwloc_topology_load(raw) != 0) return hwloc_failed(machine, "load");
    return topology;
}

}  // namespace

bool is_live(const std::string& machine) { return machine.empty(); }

tl::unexpected<Error> hwloc_failed(const std::string& machine, const std::string& step) {
    const int error_number = errno;
    return fail({.code = ExitCode::settings,
                 .doing = "read the hardware of this node with hwloc",
                 .subject = machine,
                 .cause = step + ": " + describe_errno(error_number),
                 .hint = is_live(machine) ? "is /sys mounted, and is a HWLOC_ variable set?" : ""});
}

std::uint32_t count_objects(const Topology& topology, hwloc_obj_type_t type) {
    return static_cast<std::uint32_t>(std::max(0, hwloc_get_nbobjs_by_type(topology.get(), type)));
}

Result<Topology> load_topology(const std::string& machine, Detail detail) {
    auto topology = load(machine, detail, X86Probe::without);
    if (topology && count_objects(*topology, HWLOC_OBJ_CORE) == 0) {
        topology = load(machine, detail, X86Probe::with);
    }
    return topology;
}

hwloc_obj_type_t core_type(const Topology& topology) {
    return count_objects(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
}

Result<Bitmap> cpus_of_pod(const Topology& topology, const std::string& machine) {
    Bitmap cpus(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology.get())));
    const Bitmap bound(hwloc_bitmap_alloc());
    if (!cpus || !bound) return hwloc_failed(machine, "allocate a CPU set");
    if (is_live(machine)) {
        // This thread is the only one yet, and to list a process's threads hwloc would need /proc.
        if (hwloc_get_cpubind(topology.get(), bound.get(), HWLOC_CPUBIND_THREAD) != 0) {
            return hwloc_failed(machine, "CPU binding of this process");
        }
        hwloc_bitmap_and(cpus.get(), cpus.get(), bound.get());
    }
    return cpus;
}

Idset idset_of(hwloc_const_bitmap_t bitmap) {
    Idset set;
    for (int id = hwloc_bitmap_first(bitmap); id >= 0; id = hwloc_bitmap_next(bitmap, id)) {
        set.insert(static_cast<std::uint32_t>(id));
    }
    return set;
}

std::uint32_t package_of(hwloc_obj_t core) {
    for (hwloc_obj_t object = core; object != nullptr; object = object->parent) {
        if (object->type == HWLOC_OBJ_PACKAGE) return object->logical_index;
    }
    return 0;
}

// The devices that Flux counts as GPUs (flux-core rhwloc.c): those of four backends, and of a PCI
// device with several backends only the first one's, of which there may be several (partitions).
std::vector<std::string> gpus_by_hwloc(const Topology& topology) {
    constexpr std::array<std::string_view, 4> backends{"CUDA", "NVML", "OpenCL", "RSMI"};
    std::vector<std::pair<hwloc_obj_t, std::string_view>> seen;
    std::vector<std::string> gpus;
    if (count_objects(topology, HWLOC_OBJ_PCI_DEVICE) == 0) return gpus;
    for (hwloc_obj_t device = hwloc_get_next_osdev(topology.get(), nullptr); device != nullptr;
         device = hwloc_get_next_osdev(topology.get(), device)) {
        const char* info = hwloc_obj_get_info_by_name(device, "Backend");
        const std::string_view backend = info == nullptr ? "" : info;
        if (std::ranges::find(backends, backend) == backends.end()) continue;
        hwloc_obj_t pci = device->parent;
        while (pci != nullptr && pci->type != HWLOC_OBJ_PCI_DEVICE) pci = pci->parent;
        const bool again = pci != nullptr && std::ranges::any_of(seen, [&](const auto& each) {
                               return each.first == pci && each.second != backend;
                           });
        if (again) continue;
        seen.emplace_back(pci, backend);
        gpus.push_back(std::string(device->name == nullptr ? "" : device->name) + " (" +
                       std::string(backend) + ")");
    }
    return gpus;
}

}  // namespace fluxpod
