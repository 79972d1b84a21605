// SPDX-License-Identifier: Apache-2.0
// The whole node for people: everything that hwloc finds, I/O included. Slow, and not for a boot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/idset.hpp"

namespace fluxpod {

struct NodeMap {
    struct Core {
        Idset cpus;              // the kernel's numbers
        Idset ours;              // those of them that Flux counts
        std::uint32_t kind = 0;  // of hybrid CPUs, the least efficient first
    };
    // Cores that have package and NUMA node in common.
    struct Block {
        std::uint32_t package = 0;
        std::string numa;  // of the nodes that are near, "0"
        std::vector<Core> cores;
    };
    std::string cpu_model;
    std::uint64_t memory = 0;  // bytes
    std::uint32_t kinds = 1;   // of CPUs
    std::vector<Block> blocks;
    std::vector<std::string> gpus;  // that Flux would count by hwloc, "cuda0 (CUDA)"
};

// Reads the machine, which is named as in inspect.hpp. Error 10 if hwloc cannot load it.
[[nodiscard]] Result<NodeMap> map_node(const std::string& machine = "");

}  // namespace fluxpod
