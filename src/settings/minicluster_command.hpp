// SPDX-License-Identifier: Apache-2.0
// The lead's initial program from a MiniCluster's command; its rules are in
// fluxpod/settings/minicluster.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "minicluster_file.hpp"

namespace fluxpod {

// Returns the argument vector, empty for an interactive cluster. A job is submitted to `size`
// nodes. Adds a warning if there is a command that is ignored.
[[nodiscard]] Result<std::vector<std::string>> make_command(const MiniClusterFile& file,
                                                            std::uint32_t size,
                                                            std::vector<std::string>& warnings);

}  // namespace fluxpod
