// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/inspect.hpp"

#include <fcntl.h>
#include <hwloc.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "fluxpod/node/gpus.hpp"

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

enum class Detail { counted, everything };
enum class X86Probe { without, with };

bool is_live(const std::string& machine) { return machine.empty(); }

bool is_synthetic(const std::string& machine) {
    return machine.find(':') != std::string::npos && machine.find('/') == std::string::npos;
}

tl::unexpected<Error> hwloc_failed(const std::string& machine, const std::string& step) {
    const int error_number = errno;
    return fail({.code = ExitCode::settings,
                 .doing = "read the hardware of this node with hwloc",
                 .subject = machine,
                 .cause = step + ": " + describe_errno(error_number),
                 .hint = is_live(machine) ? "is /sys mounted, and is a HWLOC_ variable set?" : ""});
}

// ---- loading ------------------------------------------------------------------------------------

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

std::uint32_t count(const Topology& topology, hwloc_obj_type_t type) {
    return static_cast<std::uint32_t>(std::max(0, hwloc_get_nbobjs_by_type(topology.get(), type)));
}

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

// The x86 component is asked if the kernel shows no cores.
Result<Topology> load(const std::string& machine, Detail detail) {
    auto topology = load(machine, detail, X86Probe::without);
    if (topology && count(*topology, HWLOC_OBJ_CORE) == 0) {
        topology = load(machine, detail, X86Probe::with);
    }
    return topology;
}

// What stands for a core in Flux's count and in ours.
hwloc_obj_type_t core_type(const Topology& topology) {
    return count(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
}

// ---- counting -----------------------------------------------------------------------------------

// The CPUs that the cgroup allows and, on the live machine, the process is bound to.
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

Idset idset_of(hwloc_const_bitmap_t bitmap) {
    Idset set;
    for (int id = hwloc_bitmap_first(bitmap); id >= 0; id = hwloc_bitmap_next(bitmap, id)) {
        set.insert(static_cast<std::uint32_t>(id));
    }
    return set;
}

std::uint32_t count_offline(const Topology& topology) {
    const int all = hwloc_bitmap_weight(hwloc_topology_get_complete_cpuset(topology.get()));
    const int online = hwloc_bitmap_weight(hwloc_topology_get_topology_cpuset(topology.get()));
    return static_cast<std::uint32_t>(std::max(0, all - online));
}

// ---- devices ------------------------------------------------------------------------------------

// The devices that Flux counts as GPUs (flux-core rhwloc.c): those of four backends, and of a PCI
// device with several backends only the first one's, of which there may be several (partitions).
std::vector<std::string> gpus_by_hwloc(const Topology& topology) {
    constexpr std::array<std::string_view, 4> backends{"CUDA", "NVML", "OpenCL", "RSMI"};
    std::vector<std::pair<hwloc_obj_t, std::string_view>> seen;
    std::vector<std::string> gpus;
    if (count(topology, HWLOC_OBJ_PCI_DEVICE) == 0) return gpus;
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

// ---- the map ------------------------------------------------------------------------------------

std::uint32_t package_of(hwloc_obj_t core) {
    for (hwloc_obj_t object = core; object != nullptr; object = object->parent) {
        if (object->type == HWLOC_OBJ_PACKAGE) return object->logical_index;
    }
    return 0;
}

std::uint32_t kind_of(const Topology& topology, hwloc_obj_t core) {
    const int kind = hwloc_cpukinds_get_by_cpuset(topology.get(), core->cpuset, 0);
    return static_cast<std::uint32_t>(std::max(0, kind));
}

std::string model_of(const Topology& topology) {
    for (const auto type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_MACHINE}) {
        hwloc_obj_t object = hwloc_get_obj_by_type(topology.get(), type, 0);
        const char* model =
            object == nullptr ? nullptr : hwloc_obj_get_info_by_name(object, "CPUModel");
        if (model != nullptr) return model;
    }
    return "";
}

void add_core(NodeMap& map, const Topology& topology, hwloc_obj_t core, hwloc_const_bitmap_t ours) {
    const std::uint32_t package = package_of(core);
    const std::string numa = idset_of(core->nodeset).encode();
    if (map.blocks.empty() || map.blocks.back().package != package ||
        map.blocks.back().numa != numa) {
        map.blocks.push_back({.package = package, .numa = numa, .cores = {}});
    }
    NodeMap::Core entry{
        .cpus = idset_of(core->cpuset), .ours = {}, .kind = kind_of(topology, core)};
    const Bitmap common(hwloc_bitmap_dup(core->cpuset));
    if (common) hwloc_bitmap_and(common.get(), common.get(), ours);
    if (common) entry.ours = idset_of(common.get());
    map.blocks.back().cores.push_back(std::move(entry));
}

}  // namespace

Result<NodeShape> inspect_topology(const std::string& machine) {
    if (is_live(machine)) silence_hwloc();
    auto topology = load(machine, Detail::counted);
    if (!topology) return fail(topology.error());

    NodeShape shape;
    if (is_live(machine)) look_at_what_was_not_seen(shape);
    shape.complete_cores = count(*topology, core_type(*topology));
    shape.complete_pus = count(*topology, HWLOC_OBJ_PU);
    shape.packages = count(*topology, HWLOC_OBJ_PACKAGE);
    shape.numa_nodes = count(*topology, HWLOC_OBJ_NUMANODE);
    shape.offline_pus = count_offline(*topology);
    shape.gpus = is_live(machine) ? count_gpus()
                                  : static_cast<std::uint32_t>(gpus_by_hwloc(*topology).size());
    if (auto done = restrict_to_pod(*topology, machine); !done) return fail(done.error());
    const auto core = core_type(*topology);
    shape.cores = count(*topology, core);
    shape.pus = count(*topology, HWLOC_OBJ_PU);
    shape.counted.reserve(shape.cores);
    for (std::uint32_t i = 0; i < shape.cores; ++i) {
        hwloc_obj_t object = hwloc_get_obj_by_type(topology->get(), core, i);
        shape.counted.push_back({idset_of(object->cpuset), package_of(object)});
    }
    return shape;
}

Result<NodeMap> map_node(const std::string& machine) {
    auto topology = load(machine, Detail::everything);
    if (!topology) return fail(topology.error());
    const auto ours = cpus_of_pod(*topology, machine);
    if (!ours) return fail(ours.error());

    NodeMap map;
    map.cpu_model = model_of(*topology);
    map.memory = hwloc_get_root_obj(topology->get())->total_memory;
    map.kinds = static_cast<std::uint32_t>(std::max(1, hwloc_cpukinds_get_nr(topology->get(), 0)));
    const auto core = core_type(*topology);
    for (std::uint32_t i = 0; i < count(*topology, core); ++i) {
        add_core(map, *topology, hwloc_get_obj_by_type(topology->get(), core, i), ours->get());
    }
    map.gpus = gpus_by_hwloc(*topology);
    return map;
}

}  // namespace fluxpod
