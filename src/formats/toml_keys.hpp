// SPDX-License-Identifier: Apache-2.0
// The keys of one table of a user's TOML: which ones Flux knows, of which type, and their values.
// The error names the place, which is `where`: "[bootstrap] hosts[2]".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fluxpod/base/or_cause.hpp"
#include "toml_tree.hpp"

namespace fluxpod {

// A key and the only type that Flux takes it with; `empty` stands for several, checked apart.
struct KeyRule {
    std::string_view key;
    toml::value_t type;
    bool required = false;
};

[[nodiscard]] tl::unexpected<std::string> refuse_toml(std::string cause);

// Refuses a key that no rule has, and suggests the nearest one that a rule has.
[[nodiscard]] OrCause<void> check_known_keys(const TomlTable& table, const std::string& where,
                                             std::span<const KeyRule> rules);
// Refuses a value of another type, and a table without a required key.
[[nodiscard]] OrCause<void> check_key_types(const TomlTable& table, const std::string& where,
                                            std::span<const KeyRule> rules);

// Nullopt if the key is absent; the types have been checked.
[[nodiscard]] std::optional<std::string> text_at(const TomlTable& table, const char* key);
[[nodiscard]] std::optional<std::int64_t> number_at(const TomlTable& table, const char* key);

// A top-level section, null if it is absent.
[[nodiscard]] OrCause<const TomlTable*> toml_section(const Toml& root, const char* name);

}  // namespace fluxpod
