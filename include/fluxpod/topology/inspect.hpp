// SPDX-License-Identifier: Apache-2.0
// This node's hardware as Flux counts it: hwloc, restricted to the process's CPU binding and cpuset
// (flux-core rhwloc.c), never to the CFS quota. Ids are hwloc's logical indexes after the
// restriction.
#pragma once

#include <cstdint>
#include <string>

#include "fluxpod/base/error.hpp"

namespace fluxpod {

struct NodeShape {
    std::uint32_t cores = 0;  // after restriction to the binding: what Flux counts
    std::uint32_t pus = 0;
    std::uint32_t complete_cores = 0;  // of the whole machine
    std::uint32_t complete_pus = 0;
    std::uint32_t packages = 0;
    std::uint32_t numa_nodes = 0;
    std::uint32_t gpus = 0;  // 0 here: GPUs come with I/O discovery (see docs/decisions)
};

// `xml` empty: the live node. Else a file that hwloc wrote (lstopo --of xml), of whatever machine:
// its allowed CPUs count, this process's binding does not. Loads only what is counted (type
// filters: no I/O, caches or misc objects): 0.2 ms on 2 PUs, where everything takes 12 ms. A
// machine without core objects counts its PUs as cores; there Flux discovers nothing by itself, and
// a rendered R is what makes it start. Error 10 where hwloc cannot load.
[[nodiscard]] Result<NodeShape> inspect_topology(const std::string& xml = "");

}  // namespace fluxpod
