// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/broker_toml.hpp"

#include <fmt/format.h>

#include <limits>

#include "broker_rules.hpp"
#include "fluxpod/base/text.hpp"
#include "toml_tree.hpp"

namespace fluxpod {

namespace {

void put(TomlTable& table, const char* key, const std::string& text) {
    if (!text.empty()) table[key] = text;
}

void put(TomlTable& table, const char* key, const std::optional<std::string>& text) {
    if (text) table[key] = *text;
}

TomlTable table_of(const BootstrapHosts& hosts) {
    TomlTable table;
    table["host"] = hosts.host;
    put(table, "bind", hosts.bind);
    put(table, "connect", hosts.connect);
    put(table, "parent", hosts.parent);
    return table;
}

TomlTable bootstrap_of(const BrokerConfig& config) {
    TomlTable table;
    put(table, "curve_cert", config.curve_cert);
    table["default_port"] = static_cast<std::int64_t>(config.default_port);
    put(table, "default_bind", config.default_bind);
    put(table, "default_connect", config.default_connect);
    if (config.enable_ipv6) table["enable_ipv6"] = true;
    Toml::array_type hosts;
    for (const auto& entry : config.hosts) hosts.emplace_back(table_of(entry));
    if (!hosts.empty()) table["hosts"] = hosts;
    return table;
}

TomlTable sections_of(const BrokerConfig& config) {
    TomlTable root;
    root["access"] = TomlTable{{"allow-guest-user", config.allow_guest_user},
                               {"allow-root-owner", config.allow_root_owner}};
    root["bootstrap"] = bootstrap_of(config);

    TomlTable tbon;
    put(tbon, "topo", config.topo);
    put(tbon, "connect_timeout", config.connect_timeout);
    put(tbon, "tcp_user_timeout", config.tcp_user_timeout);
    if (!tbon.empty()) root["tbon"] = tbon;
    if (!config.checkpoint_period.empty()) {
        root["kvs"] = TomlTable{{"checkpoint-period", config.checkpoint_period}};
    }
    if (config.resource_path) {
        TomlTable resource{{"path", *config.resource_path}};
        if (config.ignore_kernel_hostnames) {
            resource["verify"] =
                TomlTable{{"default", "allow-extra"}, {"gpu", "ignore"}, {"hostname", "ignore"}};
        }
        root["resource"] = resource;
    }
    if (config.queue_policy) {
        root["sched-fluxion-qmanager"] = TomlTable{{"queue-policy", *config.queue_policy}};
    }
    return root;
}

// Tables meet key by key; anything else of the user's replaces what was there.
void merge(TomlTable& ours, const TomlTable& users) {
    for (const auto& [key, value] : users) {
        auto found = ours.find(key);
        if (found != ours.end() && found->second.is_table() && value.is_table()) {
            merge(found->second.as_table(), value.as_table());
        } else {
            ours[key] = value;
        }
    }
}

// One value per line below its [section]: left to itself the library folds small tables into one
// line and cuts long strings into pieces.
void write_table(std::string& out, const std::string& path, const TomlTable& table) {
    constexpr std::size_t whole_line = std::numeric_limits<std::size_t>::max();
    constexpr int digits = std::numeric_limits<double>::max_digits10;
    std::string lines;
    for (const auto& [key, value] : table) {
        if (value.is_table()) continue;
        const std::string text = toml::format(value, whole_line, digits, true, true);
        lines += toml::format_key(key) + " = " + std::string(trim(text)) + "\n";
    }
    if (!path.empty() && (!lines.empty() || table.empty())) {
        out += (out.empty() ? "[" : "\n[") + path + "]\n";
    }
    out += lines;
    for (const auto& [key, value] : table) {
        if (!value.is_table()) continue;
        const std::string name = toml::format_key(key);
        write_table(out, path.empty() ? name : fmt::format("{}.{}", path, name), value.as_table());
    }
}

}  // namespace

OrCause<std::string> encode_broker_toml(const BrokerConfig& config, std::string_view user_toml) {
    auto users = parse_toml(user_toml);
    if (!users) return tl::unexpected(users.error());
    try {
        TomlTable sections = sections_of(config);
        merge(sections, users->as_table());
        const Toml root(sections);
        if (auto checked = check_broker_rules(root, std::nullopt); !checked) {
            return tl::unexpected(checked.error());
        }
        std::string text;
        write_table(text, "", root.as_table());
        // A value that the library cannot carry (not a number, an odd key) shows here.
        auto again = parse_toml(text, any_length);
        if (!again) return tl::unexpected("cannot be written as TOML: " + again.error());
        if (*again != root)
            return tl::unexpected<std::string>("holds a value that TOML does not carry unchanged");
        return text;
    } catch (const std::exception& e) {
        return tl::unexpected(first_line_of_toml_error(e.what()));
    }
}

OrCause<std::vector<std::pair<std::string, std::string>>> section_keys(std::string_view user_toml) {
    auto users = parse_toml(user_toml);
    if (!users) return tl::unexpected(users.error());
    std::vector<std::pair<std::string, std::string>> keys;
    for (const auto& [section, value] : users->as_table()) {
        if (!value.is_table()) continue;
        for (const auto& [key, ignored] : value.as_table()) keys.emplace_back(section, key);
    }
    return keys;
}

OrCause<void> check_broker_toml(std::string_view toml, std::string_view own_hostname) {
    auto root = parse_toml(toml, any_length);
    if (!root) return tl::unexpected(root.error());
    try {
        return check_broker_rules(*root, own_hostname);
    } catch (const std::exception& e) {
        return tl::unexpected(first_line_of_toml_error(e.what()));
    }
}

}  // namespace fluxpod
