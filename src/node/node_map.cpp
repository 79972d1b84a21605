// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/node_map.hpp"

#include <algorithm>
#include <utility>

#include "hwloc_topology.hpp"

namespace fluxpod {

namespace {

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

Result<NodeMap> map_node(const std::string& machine) {
    auto topology = load_topology(machine, Detail::everything);
    if (!topology) return fail(topology.error());
    const auto ours = cpus_of_pod(*topology, machine);
    if (!ours) return fail(ours.error());

    NodeMap map;
    map.cpu_model = model_of(*topology);
    map.memory = hwloc_get_root_obj(topology->get())->total_memory;
    map.kinds = static_cast<std::uint32_t>(std::max(1, hwloc_cpukinds_get_nr(topology->get(), 0)));
    const auto core = core_type(*topology);
    for (std::uint32_t i = 0; i < count_objects(*topology, core); ++i) {
        add_core(map, *topology, hwloc_get_obj_by_type(topology->get(), core, i), ours->get());
    }
    map.gpus = gpus_by_hwloc(*topology);
    return map;
}

}  // namespace fluxpod
