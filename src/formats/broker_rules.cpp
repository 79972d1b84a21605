// SPDX-License-Identifier: Apache-2.0
#include "broker_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/formats/hostname.hpp"
#include "fluxpod/formats/idset.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_hosts = Hostlist::max_in_range;

tl::unexpected<std::string> refuse(std::string cause) { return tl::unexpected(std::move(cause)); }

// A key and the only type that Flux takes it with; `empty` stands for several, checked apart.
struct KeyRule {
    std::string_view key;
    toml::value_t type;
    bool required = false;
};

std::string_view name_of(toml::value_t type) {
    switch (type) {
        case toml::value_t::boolean: return "true or false";
        case toml::value_t::integer: return "an integer";
        case toml::value_t::string: return "a string";
        case toml::value_t::array: return "an array";
        default: return "a table";
    }
}

OrCause<void> check_unknown(const TomlTable& table, const std::string& where,
                            std::span<const KeyRule> rules) {
    std::vector<std::string> known;
    for (const auto& rule : rules) known.emplace_back(rule.key);
    for (const auto& [key, value] : table) {
        if (std::ranges::find(known, key) != known.end()) continue;
        auto meant = nearest(key, known);
        return refuse(
            fmt::format("{}: Flux knows no key {}; {}", where, key,
                        meant ? "is " + *meant + " meant?" : "it knows " + join(known, ", ")));
    }
    return {};
}

OrCause<void> check_types(const TomlTable& table, const std::string& where,
                          std::span<const KeyRule> rules) {
    for (const auto& rule : rules) {
        auto found = table.find(std::string(rule.key));
        if (found == table.end()) {
            if (rule.required) return refuse(fmt::format("{}: {} is missing", where, rule.key));
            continue;
        }
        if (rule.type != toml::value_t::empty && found->second.type() != rule.type) {
            return refuse(fmt::format("{}: {} is not {}", where, rule.key, name_of(rule.type)));
        }
    }
    return {};
}

// Null if the key is absent; the types have been checked.
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

// A top-level section, null if it is absent.
OrCause<const TomlTable*> section(const Toml& root, const char* name) {
    const TomlTable& sections = root.as_table();
    auto found = sections.find(name);
    if (found == sections.end()) return nullptr;
    if (!found->second.is_table()) return refuse(fmt::format("{} is not a table", name));
    return &found->second.as_table();
}

// Returns seconds, or infinity. Reads what flux-core's fsd_parse_duration reads: what strtod(3)
// takes, then one of five units or the end. "730d", "Infinity", "0x10" and "" are durations.
OrCause<double> seconds_of(const std::string& text) {
    constexpr std::array<std::pair<std::string_view, double>, 6> units{
        {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
    char* rest = nullptr;
    const double number = std::strtod(text.c_str(), &rest);
    const auto* unit = std::ranges::find(units, std::string_view(rest),
                                         [](const auto& each) { return each.first; });
    const bool has_unit = *rest != '\0';
    if (unit == units.end() || std::isnan(number) || (std::isinf(number) && has_unit)) {
        return refuse(text + " is not a duration such as 30s, 1.5m or 500ms");
    }
    if (number < 0) return refuse(text + " is negative");
    return number * unit->second;
}

// %h and %p as Flux replaces them; any other %x stays as it is, and so does a last lone %.
std::string expand_uri(std::string_view format, std::string_view host, std::int64_t port) {
    std::string uri;
    for (std::size_t i = 0; i < format.size(); ++i) {
        const char token = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
        if (token == 'h') {
            uri += host;
        } else if (token == 'p') {
            uri += std::to_string(port);
        } else if (token == '%') {
            uri += '%';
        } else {
            uri += format[i];
            continue;
        }
        ++i;
    }
    return uri;
}

std::optional<std::string> uri_fault(const std::string& uri) {
    constexpr std::size_t max_uri = 2048;
    constexpr std::size_t max_ipc_path = 108;
    constexpr std::size_t scheme = std::string_view("tcp://").size();
    if (uri.size() > max_uri) return fmt::format("is longer than {} characters", max_uri);
    if (uri.find(":*") != std::string::npos) return uri + " has a wildcard port";
    const bool ipc = uri.starts_with("ipc://");
    if (!ipc && !uri.starts_with("tcp://")) return uri + " is neither a tcp:// nor an ipc:// URI";
    if (uri.size() == scheme) return uri + " has no address";
    if (ipc && uri.size() > scheme + max_ipc_path) {
        return uri + fmt::format(" has a path longer than {} bytes", max_ipc_path);
    }
    return std::nullopt;
}

// [bootstrap] hosts, with what the entries inherit.
class HostsCheck {
  public:
    HostsCheck(const TomlTable& bootstrap, std::optional<std::string_view> own_hostname)
        : bootstrap_(bootstrap), own_hostname_(own_hostname) {}

    // The number of hosts.
    OrCause<std::size_t> check() {
        port_ = number_at(bootstrap_, "default_port").value_or(-1);
        auto found = bootstrap_.find("hosts");
        // Flux takes no hosts for an instance of one.
        if (found == bootstrap_.end() || found->second.as_array().empty()) return 1;

        for (const Toml& entry : found->second.as_array()) {
            if (auto checked = check_entry(entry); !checked) return refuse(checked.error());
            ++index_;
        }
        if (own_hostname_ && !all_.find(*own_hostname_)) {
            return refuse(fmt::format("[bootstrap] hosts: this host, {}, is not among the {}",
                                      *own_hostname_, all_.size()));
        }
        constexpr auto has_parent = [](const Entry& entry) { return entry.parent.has_value(); };
        if (std::ranges::none_of(entries_, has_parent) && !all_.repeated()) return all_.size();
        const HostRanks ranks(all_);
        if (auto checked = check_parents(ranks); !checked) return refuse(checked.error());
        return ranks.size();
    }

  private:
    static constexpr std::array rules{
        KeyRule{"host", toml::value_t::string, true}, KeyRule{"bind", toml::value_t::string},
        KeyRule{"connect", toml::value_t::string}, KeyRule{"parent", toml::value_t::string}};

    struct Entry {
        std::size_t end;  // one past its last position in all_
        std::optional<std::string> parent;
    };

    [[nodiscard]] std::string where() const { return fmt::format("[bootstrap] hosts[{}]", index_); }

    OrCause<void> check_entry(const Toml& entry) {
        if (!entry.is_table()) return refuse(where() + " is not a table");
        const TomlTable& table = entry.as_table();
        if (auto checked = check_unknown(table, where(), rules); !checked) return checked;
        if (auto checked = check_types(table, where(), rules); !checked) return checked;

        const std::string host = *text_at(table, "host");
        auto hosts = Hostlist::parse(host);
        if (!hosts) return refuse(where() + ": host: " + hosts.error());
        if (all_.size() + hosts->size() > max_hosts) {
            return refuse(fmt::format("[bootstrap] hosts: more than {} hosts", max_hosts));
        }
        std::string longest;
        for (const std::string& name : hosts->boundary_names()) {
            if (auto fault = hostname_fault(name)) {
                return refuse(where() + ": host name " + name + " " + *fault);
            }
            if (name.size() > longest.size()) longest = name;
        }
        if (auto checked = check_uri(table, "bind", "default_bind", longest); !checked) {
            return checked;
        }
        if (auto checked = check_uri(table, "connect", "default_connect", longest); !checked) {
            return checked;
        }
        all_.append(*hosts);
        entries_.push_back({all_.size(), text_at(table, "parent")});
        return {};
    }

    // The names of an entry differ only in what a URI takes any amount of, so that the longest one
    // stands for all.
    OrCause<void> check_uri(const TomlTable& entry, const char* key, const char* fallback,
                            const std::string& host) const {
        auto format = text_at(entry, key);
        const bool own = format.has_value();
        if (!format) format = text_at(bootstrap_, fallback);
        if (!format) return {};
        auto fault = uri_fault(expand_uri(*format, host, port_));
        if (!fault) return {};
        return refuse(own ? where() + ": " + key + ": " + *fault
                          : fmt::format("[bootstrap]: {}: {}", fallback, *fault));
    }

    // Flux keeps the first entry of a repeated host and adds the keys that it lacks.
    [[nodiscard]] OrCause<void> check_parents(const HostRanks& ranks) const {
        constexpr auto unknown = std::numeric_limits<std::size_t>::max();
        std::vector<std::size_t> parent_of(ranks.size(), unknown);
        std::size_t position = 0;
        for (const Entry& entry : entries_) {
            for (; position < entry.end; ++position) {
                if (!entry.parent) continue;
                const std::string name = all_.at(position);
                const std::size_t rank = ranks.find(name).value();
                if (parent_of[rank] != unknown) continue;
                auto parent = ranks.find(*entry.parent);
                if (!parent) {
                    return refuse("[bootstrap] hosts: parent " + *entry.parent +
                                  " is not one of the hosts");
                }
                if (rank == 0) {
                    return refuse("[bootstrap] hosts: rank 0, " + name + ", may have no parent");
                }
                if (*parent == rank)
                    return refuse("[bootstrap] hosts: " + name + " is its own parent");
                parent_of[rank] = *parent;
            }
        }
        std::ranges::replace(parent_of, unknown, std::size_t{0});
        return check_cycles(parent_of);
    }

    // Each rank's way up is walked until rank 0 or a way that was found good before.
    [[nodiscard]] static OrCause<void> check_cycles(const std::vector<std::size_t>& parent_of) {
        std::vector<std::size_t> walk_of(parent_of.size(), 0);  // 0: not walked yet
        for (std::size_t start = 1; start < parent_of.size(); ++start) {
            std::size_t rank = start;
            while (rank != 0 && walk_of[rank] == 0) {
                walk_of[rank] = start;
                rank = parent_of[rank];
            }
            if (rank != 0 && walk_of[rank] == start) {
                return refuse(
                    fmt::format("[bootstrap] hosts: the parents of rank {} form a cycle", rank));
            }
        }
        return {};
    }

    const TomlTable& bootstrap_;
    std::optional<std::string_view> own_hostname_;
    std::int64_t port_ = -1;
    std::size_t index_ = 0;
    std::vector<Entry> entries_;
    Hostlist all_;
};

OrCause<void> check_bootstrap(const Toml& root, std::optional<std::string_view> own_hostname) {
    constexpr std::array rules{KeyRule{"curve_cert", toml::value_t::string},
                               KeyRule{"default_bind", toml::value_t::string},
                               KeyRule{"default_connect", toml::value_t::string},
                               KeyRule{"default_port", toml::value_t::integer},
                               KeyRule{"enable_ipv6", toml::value_t::boolean},
                               KeyRule{"hosts", toml::value_t::array}};
    auto table = section(root, "bootstrap");
    if (!table) return refuse(table.error());
    if (*table == nullptr) return {};
    const TomlTable& bootstrap = **table;
    if (auto checked = check_unknown(bootstrap, "[bootstrap]", rules); !checked) return checked;
    if (auto checked = check_types(bootstrap, "[bootstrap]", rules); !checked) return checked;

    const std::int64_t port = number_at(bootstrap, "default_port").value_or(0);
    if (port < 0 || port > 65535) {
        return refuse(
            fmt::format("[bootstrap]: default_port {} is not a port from 0 to 65535", port));
    }
    auto size = HostsCheck(bootstrap, own_hostname).check();
    if (!size) return refuse(size.error());
    if (*size > 1 && !bootstrap.contains("curve_cert")) {
        return refuse(fmt::format("[bootstrap]: {} hosts need a curve_cert", *size));
    }
    return {};
}

std::optional<std::string> topo_fault(const std::string& topo) {
    auto at = topo.find(':');
    const std::string kind = topo.substr(0, at);
    const std::string k = at == std::string::npos ? "" : topo.substr(at + 1);
    const bool is_k = parse_number<std::uint32_t>(k).value_or(UINT32_MAX) <= INT32_MAX;
    const bool known = (kind == "kary" && is_k) || (kind == "mincrit" && (k.empty() || is_k)) ||
                       ((kind == "binomial" || kind == "custom") && k.empty());
    if (known) return std::nullopt;
    return topo + " is none of kary:K, mincrit, mincrit:K, binomial, custom";
}

// A torpid_max of 0 means no bound.
OrCause<void> check_torpid(const TomlTable& tbon) {
    auto least = seconds_of(text_at(tbon, "torpid_min").value_or("5s"));
    auto most = seconds_of(text_at(tbon, "torpid_max").value_or("30s"));
    if (!least) return refuse("[tbon]: torpid_min " + least.error());
    if (!most) return refuse("[tbon]: torpid_max " + most.error());
    if (*least == 0) return refuse("[tbon]: torpid_min is 0");
    if (*most != 0 && *least >= *most) {
        return refuse("[tbon]: torpid_min is not less than torpid_max");
    }
    return {};
}

// Flux ignores keys of [tbon] that it does not know, and so does this.
OrCause<void> check_tbon(const Toml& root) {
    constexpr std::array rules{KeyRule{"child_rcvhwm", toml::value_t::integer},
                               KeyRule{"connect_timeout", toml::value_t::string},
                               KeyRule{"interface-hint", toml::value_t::string},
                               KeyRule{"tcp_user_timeout", toml::value_t::string},
                               KeyRule{"topo", toml::value_t::string},
                               KeyRule{"torpid_max", toml::value_t::string},
                               KeyRule{"torpid_min", toml::value_t::string},
                               KeyRule{"zmq_io_threads", toml::value_t::integer},
                               KeyRule{"zmqdebug", toml::value_t::integer}};
    auto table = section(root, "tbon");
    if (!table) return refuse(table.error());
    if (*table == nullptr) return {};
    const TomlTable& tbon = **table;
    if (auto checked = check_types(tbon, "[tbon]", rules); !checked) return checked;

    if (auto topo = text_at(tbon, "topo")) {
        if (auto fault = topo_fault(*topo)) return refuse("[tbon]: topo " + *fault);
    }
    for (const char* key : {"connect_timeout", "tcp_user_timeout"}) {
        auto text = text_at(tbon, key);
        if (!text) continue;
        if (auto seconds = seconds_of(*text); !seconds) {
            return refuse(fmt::format("[tbon]: {} {}", key, seconds.error()));
        }
    }
    if (auto checked = check_torpid(tbon); !checked) return checked;
    auto in_int = [](std::int64_t number, std::int64_t least) {
        return number >= least && number <= INT32_MAX;
    };
    auto high_water = number_at(tbon, "child_rcvhwm").value_or(0);
    if (!in_int(high_water, 0) || high_water == 1) {
        return refuse(fmt::format("[tbon]: child_rcvhwm {} is neither 0 nor from 2 to {}",
                                  high_water, INT32_MAX));
    }
    auto threads = number_at(tbon, "zmq_io_threads").value_or(1);
    if (!in_int(threads, 1)) {
        return refuse(fmt::format("[tbon]: zmq_io_threads {} is not a number from 1 to {}", threads,
                                  INT32_MAX));
    }
    return {};
}

OrCause<void> check_resource_property(const Toml& property, const std::string& where) {
    const bool good = property.is_string() && !property.as_string().str.empty() &&
                      property.as_string().str.find_first_of("!&'\"^`|()") == std::string::npos;
    if (good) return {};
    return refuse(where + ": a property that is not a string, empty, or holds one of !&'\"^`|()");
}

// The array that stands for a file R.
OrCause<void> check_resource_config(const Toml& value) {
    constexpr std::array rules{
        KeyRule{"cores", toml::value_t::string}, KeyRule{"gpus", toml::value_t::string},
        KeyRule{"hosts", toml::value_t::string, true}, KeyRule{"properties", toml::value_t::array}};
    if (!value.is_array()) return refuse("[resource]: config is not an array");
    if (value.as_array().empty()) return refuse("[resource]: config names no hosts");
    std::size_t index = 0;
    for (const Toml& entry : value.as_array()) {
        const std::string where = fmt::format("[resource] config[{}]", index++);
        if (!entry.is_table()) return refuse(where + " is not a table");
        const TomlTable& table = entry.as_table();
        if (auto checked = check_unknown(table, where, rules); !checked) return checked;
        if (auto checked = check_types(table, where, rules); !checked) return checked;

        auto hosts = Hostlist::parse(*text_at(table, "hosts"));
        if (!hosts) return refuse(where + ": hosts: " + hosts.error());
        if (hosts->empty()) return refuse(where + ": hosts is empty");
        for (const char* key : {"cores", "gpus"}) {
            auto ids = Idset::parse(text_at(table, key).value_or(""));
            if (!ids) return refuse(fmt::format("{}: {}: {}", where, key, ids.error()));
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
    if (!value.is_table()) return refuse("[resource]: verify is neither a table nor true or false");
    const std::string where = "[resource.verify]";
    if (auto checked = check_unknown(value.as_table(), where, rules); !checked) return checked;
    if (auto checked = check_types(value.as_table(), where, rules); !checked) return checked;
    for (const auto& [key, mode] : value.as_table()) {
        const std::string& word = mode.as_string().str;
        if (std::ranges::find(modes, word) != modes.end()) continue;
        return refuse(fmt::format("{}: {} {} is none of strict, allow-extra, allow-missing, ignore",
                                  where, key, word));
    }
    return {};
}

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
    auto table = section(root, "resource");
    if (!table) return refuse(table.error());
    if (*table == nullptr) return {};
    const TomlTable& resource = **table;
    if (auto checked = check_unknown(resource, "[resource]", rules); !checked) return checked;
    if (auto checked = check_types(resource, "[resource]", rules); !checked) return checked;

    if (auto config = resource.find("config"); config != resource.end()) {
        if (auto checked = check_resource_config(config->second); !checked) return checked;
    } else if (resource.contains("scheduling") && !resource.contains("path")) {
        return refuse("[resource]: scheduling needs path or config beside it");
    }
    if (auto verify = resource.find("verify"); verify != resource.end()) {
        if (auto checked = check_resource_verify(verify->second); !checked) return checked;
    }
    if (auto history = text_at(resource, "history")) {
        if (auto seconds = seconds_of(*history); !seconds) {
            return refuse("[resource]: history " + seconds.error());
        }
    }
    return {};
}

}  // namespace

OrCause<void> check_broker_rules(const Toml& root, std::optional<std::string_view> own_hostname) {
    if (auto checked = check_bootstrap(root, own_hostname); !checked) return checked;
    if (auto checked = check_tbon(root); !checked) return checked;
    return check_resource(root);
}

}  // namespace fluxpod
