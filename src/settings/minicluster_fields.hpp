// SPDX-License-Identifier: Apache-2.0
// What becomes of each field of a MiniCluster.
#pragma once

#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "minicluster_file.hpp"

namespace fluxpod {

// Checks that every field of the file is known, and that none that is refused says anything. Adds
// a warning for each that is stale or pointless.
[[nodiscard]] Status check_fields(const MiniClusterFile& file, std::vector<std::string>& warnings);

}  // namespace fluxpod
