// SPDX-License-Identifier: Apache-2.0
// This node's hardware as Flux counts it: hwloc, restricted to the process's CPU binding and cpuset
// (flux-core rhwloc.c), never to the CFS quota. Ids are hwloc's logical indexes after the
// restriction, in the order of the levels that Flux loads too (packages, dies, NUMA groups).
//
// A machine is named by a text: empty is this one; "package:2 core:8 pu:2" is one of hwloc's
// synthetic descriptions (a colon and no slash); anything else is the path of a file that hwloc
// wrote (lstopo --of xml). On another machine the CPUs that the file allows count, and this
// process's binding does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/idset.hpp"

namespace fluxpod {

struct NodeShape {
    std::uint32_t cores = 0;  // after restriction to the binding: what Flux counts
    std::uint32_t pus = 0;
    std::uint32_t complete_cores = 0;  // of the whole machine
    std::uint32_t complete_pus = 0;
    std::uint32_t offline_pus = 0;  // there, switched off, and counted nowhere
    std::uint32_t packages = 0;     // of the whole machine
    std::uint32_t numa_nodes = 0;
    std::uint32_t gpus = 0;  // see gpus.hpp; of another machine those that Flux would count
    struct Core {
        Idset cpus;  // by the kernel's numbers
        std::uint32_t package = 0;
    };
    std::vector<Core> counted;  // by Flux, in its order
    // Why the live machine may not be what hwloc shows: an HWLOC_ variable describes another one,
    // or /sys is denied. Empty: it is.
    std::string unseen;
    // With such a variable: the CPUs that the kernel itself gives this process.
    std::optional<std::uint32_t> kernel_pus;
};

// Loads only what is counted (type filters: no I/O, caches or misc objects): 0.2 ms on 2 PUs, where
// everything takes 12 ms. A machine without core objects counts its PUs as cores; there Flux
// discovers nothing by itself, and a rendered R is what makes it start. Error 10 if hwloc cannot
// load.
[[nodiscard]] Result<NodeShape> inspect_topology(const std::string& machine = "");

}  // namespace fluxpod
