// SPDX-License-Identifier: Apache-2.0
// YAML documents with positions in errors, over yaml-cpp. Hostile input: bounded in size, depth,
// number of documents and number of nodes (yaml-cpp takes up to 1.5 KiB for each); aliases are
// refused (they can grow without bound), and so are a key that is twice in one map, a key that is
// not a scalar, and NUL characters. Exceptions end here.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

inline constexpr std::size_t max_yaml_bytes = std::size_t{1} << 20U;
inline constexpr std::size_t max_yaml_levels = 64;
inline constexpr std::size_t max_yaml_documents = 1024;
inline constexpr std::size_t max_yaml_nodes = 20000;  // of all documents together

// Every document of a stream. The error is the cause in words: "line 3, column 7: ...".
[[nodiscard]] OrCause<std::vector<YAML::Node>> parse_yaml(std::string_view text);

// "line 3, column 7" of a node.
[[nodiscard]] std::string position_of(const YAML::Node& node);

}  // namespace fluxpod
