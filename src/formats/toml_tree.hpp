// SPDX-License-Identifier: Apache-2.0
// A user's TOML as a tree. It is hostile: bounded in size, depth and cost before the library sees
// it.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <toml.hpp>
#include <vector>

#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

// Ordered tables make the output sorted; comments would not survive a merge.
using Toml = toml::basic_value<toml::discard_comments, std::map, std::vector>;
using TomlTable = Toml::table_type;

inline constexpr std::size_t max_user_toml = std::size_t{256} * 1024;
// For what we wrote ourselves: the hosts of a large cluster need more than a user's text may have.
inline constexpr std::size_t any_length = std::numeric_limits<std::size_t>::max();

// The error is the cause in words, with the line if it is known: not TOML, too large, nested deeper
// than 32 levels, tens of thousands of values in one line, a number that its type cannot hold
// (toml11 would take the nearest one that it can).
[[nodiscard]] OrCause<Toml> parse_toml(std::string_view text,
                                       std::size_t max_bytes = max_user_toml);

// toml11 explains itself in a drawing of several lines; its first line says what is wrong.
[[nodiscard]] std::string first_line_of_toml_error(std::string_view what);

}  // namespace fluxpod
