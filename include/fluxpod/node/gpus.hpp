// SPDX-License-Identifier: Apache-2.0
// The GPUs that this pod can use: those whose device files it can open. Flux itself counts what
// hwloc finds through the vendors' libraries, in a pod the same ones where the image has them; but
// loading those takes up to seconds, and what R says is what Flux schedules (docs/node-rule.md).
#pragma once

#include <cstdint>
#include <string>

namespace fluxpod {

// NVIDIA: each /dev/nvidiaN. AMD: each GPU that the kernel's KFD lists, partitions by themselves,
// by its /dev/dri/renderDN, if /dev/kfd can be opened too. `root` is put before every path.
[[nodiscard]] std::uint32_t count_gpus(const std::string& root = "");

}  // namespace fluxpod
