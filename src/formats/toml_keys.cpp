// SPDX-License-Identifier: Apache-2.0
#include "toml_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

std::string_view type_in_words(toml::value_t type) {
    switch (type) {
        case toml::value_t::boolean: return "true or false";
        case toml::value_t::integer: return "an integer";
        case toml::value_t::string: return "a string";
        case toml::value_t::array: return "an array";
        default: return "a table";
    }
}

}  // namespace

tl::unexpected<std::string> refuse_toml(std::string cause) {
    return tl::unexpected(std::move(cause));
}

OrCause<void> check_known_keys(const TomlTable& table, const std::string& where,
                               std::span<const KeyRule> rules) {
    std::vector<std::string> known;
    for (const auto& rule : rules) known.emplace_back(rule.key);
    for (const auto& [key, value] : table) {
        if (std::ranges::find(known, key) != known.end()) continue;
        auto meant = nearest(key, known);
        return refuse_toml(
            fmt::format("{}: Flux knows no key {}; {}", where, key,
                        meant ? "is " + *meant + " meant?" : "it knows " + join(known, ", ")));
    }
    return {};
}

OrCause<void> check_key_types(const TomlTable& table, const std::string& where,
                              std::span<const KeyRule> rules) {
    for (const auto& rule : rules) {
        auto found = table.find(std::string(rule.key));
        if (found == table.end()) {
            if (rule.required)
                return refuse_toml(fmt::format("{}: {} is missing", where, rule.key));
            continue;
        }
        if (rule.type != toml::value_t::empty && found->second.type() != rule.type) {
            return refuse_toml(
                fmt::format("{}: {} is not {}", where, rule.key, type_in_words(rule.type)));
        }
    }
    return {};
}

std::optional<std::string> text_at(const TomlTable& table, const char* key) {
    auto found = table.find(key);
    if (found == table.end()) return std::nullopt;
    return found->second.as_string().str;
}

std::optional<std::int64_t> number_at(const TomlTable& table, const char* key) {
    auto found = table.find(key);
    if (found == table.end()) return std::nullopt;
    return found->second.as_integer();
}

OrCause<const TomlTable*> toml_section(const Toml& root, const char* name) {
    const TomlTable& sections = root.as_table();
    auto found = sections.find(name);
    if (found == sections.end()) return nullptr;
    if (!found->second.is_table()) return refuse_toml(fmt::format("{} is not a table", name));
    return &found->second.as_table();
}

}  // namespace fluxpod
