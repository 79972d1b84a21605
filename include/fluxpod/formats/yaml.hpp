// SPDX-License-Identifier: Apache-2.0
// YAML documents with positions in errors and strict scalars, over yaml-cpp. Hostile input: bounded
// in size and depth, aliases refused (they can grow without bound), exceptions end here.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"

namespace fluxpod {

// Every document of a stream. The error is the cause in words: "line 3, column 7: ...".
[[nodiscard]] tl::expected<std::vector<YAML::Node>, std::string> parse_yaml(std::string_view text);

// "line 3, column 7" of a node.
[[nodiscard]] std::string position_of(const YAML::Node& node);

}  // namespace fluxpod
