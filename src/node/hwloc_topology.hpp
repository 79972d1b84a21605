// SPDX-License-Identifier: Apache-2.0
// hwloc's view of a machine, loaded as Flux loads it. A machine is named as in
// fluxpod/node/inspect.hpp. hwloc's objects (hwloc_obj_t) belong to their Topology.
#pragma once

#include <hwloc.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/idset.hpp"

namespace fluxpod {

struct DestroyTopology {
    void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, DestroyTopology>;

struct FreeBitmap {
    void operator()(hwloc_bitmap_t bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

// counted: what Flux counts and the levels that order it, no more. everything: for people; slow.
enum class Detail { counted, everything };

// The x86 component is asked if the kernel shows no cores. Error 10.
[[nodiscard]] Result<Topology> load_topology(const std::string& machine, Detail detail);

[[nodiscard]] bool is_live(const std::string& machine);

// Returns error 10 for a step that failed, with errno as its cause.
[[nodiscard]] tl::unexpected<Error> hwloc_failed(const std::string& machine,
                                                 const std::string& step);

[[nodiscard]] std::uint32_t count_objects(const Topology& topology, hwloc_obj_type_t type);

// Returns what counts as a core for Flux and for us: PUs if there are no cores.
[[nodiscard]] hwloc_obj_type_t core_type(const Topology& topology);

// Returns the CPUs that the cgroup allows and, on the live machine, the process is bound to.
[[nodiscard]] Result<Bitmap> cpus_of_pod(const Topology& topology, const std::string& machine);

[[nodiscard]] Idset idset_of(hwloc_const_bitmap_t bitmap);

// Returns hwloc's logical index of the package that the core is in; 0 if there is none.
[[nodiscard]] std::uint32_t package_of(hwloc_obj_t core);

// Returns the devices that Flux counts as GPUs, "cuda0 (CUDA)".
[[nodiscard]] std::vector<std::string> gpus_by_hwloc(const Topology& topology);

}  // namespace fluxpod
