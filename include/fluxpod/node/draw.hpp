// SPDX-License-Identifier: Apache-2.0
// A drawing of a node with this pod's share marked. Pure: same map, same bytes.
#pragma once

#include <string>

#include "fluxpod/node/node_map.hpp"

namespace fluxpod {

// A line or more for each package and NUMA node; a core is a group of marks, a mark is a CPU: "#"
// is one that this pod may run on, "." is not.
[[nodiscard]] std::string draw_as_text(const NodeMap& map);
// The same as a whole SVG document, with the kernel's CPU numbers as titles.
[[nodiscard]] std::string draw_as_svg(const NodeMap& map);

}  // namespace fluxpod
