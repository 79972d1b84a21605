// SPDX-License-Identifier: Apache-2.0
#include "resource_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "flux_seconds.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/formats/idset.hpp"
#include "toml_keys.hpp"

namespace fluxpod {

namespace {

OrCause<void> check_resource_property(const Toml& property, const std::string& where) {
    const bool good = property.is_string() && !property.as_string().str.empty() &&
                      property.as_string().str.find_first_of("!&'\"^`|()") == std::string::npos;
    if (good) return {};
    return refuse_toml(where +
                       ": a property that is not a string, empty, or holds one of !&'\"^`|()");
}

// The array that stands for a file R.
OrCause<void> check_resource_config(const Toml& value) {
    constexpr std::array rules{
        KeyRule{"cores", toml::value_t::string}, KeyRule{"gpus", toml::value_t::string},
        KeyRule{"hosts", toml::value_t::string, true}, KeyRule{"properties", toml::value_t::array}};
    if (!value.is_array()) return refuse_toml("[resource]: config is not an array");
    if (value.as_array().empty()) return refuse_toml("[resource]: config names no hosts");
    std::size_t index = 0;
    for (const Toml& entry : value.as_array()) {
        const std::string where = fmt::format("[resource] config[{}]", index++);
        if (!entry.is_table()) return refuse_toml(where + " is not a table");
        const TomlTable& table = entry.as_table();
        if (auto checked = check_known_keys(table, where, rules); !checked) return checked;
        if (auto checked = check_key_types(table, where, rules); !checked) return checked;

        auto hosts = Hostlist::parse(*text_at(table, "hosts"));
        if (!hosts) return refuse_toml(where + ": hosts: " + hosts.error());
        if (hosts->empty()) return refuse_toml(where + ": hosts is empty");
        for (const char* key : {"cores", "gpus"}) {
            auto ids = Idset::parse(text_at(table, key).value_or(""));
            if (!ids) return refuse_toml(fmt::format("{}: {}: {}", where, key, ids.error()));
        }
        auto properties = table.find("properties");
        if (properties == table.end()) continue;
        for (const Toml& property : properties->second.as_array()) {
            if (auto checked = check_resource_property(property, where); !checked) return checked;
        }
    }
    return {};
}

OrCause<void> check_resource_verify(const Toml& value) {
    constexpr std::array rules{
        KeyRule{"core", toml::value_t::string}, KeyRule{"default", toml::value_t::string},
        KeyRule{"gpu", toml::value_t::string}, KeyRule{"hostname", toml::value_t::string}};
    constexpr std::array<std::string_view, 4> modes{"strict", "allow-extra", "allow-missing",
                                                    "ignore"};
    if (value.is_boolean()) return {};
    if (!value.is_table())
        return refuse_toml("[resource]: verify is neither a table nor true or false");
    const std::string where = "[resource.verify]";
    if (auto checked = check_known_keys(value.as_table(), where, rules); !checked) return checked;
    if (auto checked = check_key_types(value.as_table(), where, rules); !checked) return checked;
    for (const auto& [key, mode] : value.as_table()) {
        const std::string& word = mode.as_string().str;
        if (std::ranges::find(modes, word) != modes.end()) continue;
        return refuse_toml(fmt::format(
            "{}: {} {} is none of strict, allow-extra, allow-missing, ignore", where, key, word));
    }
    return {};
}

}  // namespace

OrCause<void> check_resource(const Toml& root) {
    constexpr std::array rules{KeyRule{"config", toml::value_t::empty},
                               KeyRule{"exclude", toml::value_t::string},
                               KeyRule{"history", toml::value_t::string},
                               KeyRule{"journal-max", toml::value_t::integer},
                               KeyRule{"no-update-watch", toml::value_t::boolean},
                               KeyRule{"norestrict", toml::value_t::boolean},
                               KeyRule{"noverify", toml::value_t::boolean},
                               KeyRule{"path", toml::value_t::string},
                               KeyRule{"rediscover", toml::value_t::boolean},
                               KeyRule{"scheduling", toml::value_t::string},
                               KeyRule{"verify", toml::value_t::empty}};
    auto table = toml_section(root, "resource");
    if (!table) return refuse_toml(table.error());
    if (*table == nullptr) return {};
    const TomlTable& resource = **table;
    if (auto checked = check_known_keys(resource, "[resource]", rules); !checked) return checked;
    if (auto checked = check_key_types(resource, "[resource]", rules); !checked) return checked;

    if (auto config = resource.find("config"); config != resource.end()) {
        if (auto checked = check_resource_config(config->second); !checked) return checked;
    } else if (resource.contains("scheduling") && !resource.contains("path")) {
        return refuse_toml("[resource]: scheduling needs path or config beside it");
    }
    if (auto verify = resource.find("verify"); verify != resource.end()) {
        if (auto checked = check_resource_verify(verify->second); !checked) return checked;
    }
    if (auto history = text_at(resource, "history")) {
        if (auto seconds = flux_seconds(*history); !seconds) {
            return refuse_toml("[resource]: history " + seconds.error());
        }
    }
    return {};
}

}  // namespace fluxpod
