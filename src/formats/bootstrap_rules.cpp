// SPDX-License-Identifier: Apache-2.0
#include "bootstrap_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "fluxpod/formats/host_ranks.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/formats/hostname.hpp"
#include "toml_keys.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_hosts = Hostlist::max_in_range;

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
            if (auto checked = check_entry(entry); !checked) return refuse_toml(checked.error());
            ++index_;
        }
        if (own_hostname_ && !all_.find(*own_hostname_)) {
            return refuse_toml(fmt::format("[bootstrap] hosts: this host, {}, is not among the {}",
                                           *own_hostname_, all_.size()));
        }
        constexpr auto has_parent = [](const Entry& entry) { return entry.parent.has_value(); };
        if (std::ranges::none_of(entries_, has_parent) && !all_.repeated()) return all_.size();
        const HostRanks ranks(all_);
        if (auto checked = check_parents(ranks); !checked) return refuse_toml(checked.error());
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
        if (!entry.is_table()) return refuse_toml(where() + " is not a table");
        const TomlTable& table = entry.as_table();
        if (auto checked = check_known_keys(table, where(), rules); !checked) return checked;
        if (auto checked = check_key_types(table, where(), rules); !checked) return checked;

        const std::string host = *text_at(table, "host");
        auto hosts = Hostlist::parse(host);
        if (!hosts) return refuse_toml(where() + ": host: " + hosts.error());
        if (all_.size() + hosts->size() > max_hosts) {
            return refuse_toml(fmt::format("[bootstrap] hosts: more than {} hosts", max_hosts));
        }
        std::string longest;
        for (const std::string& name : hosts->boundary_names()) {
            if (auto fault = hostname_fault(name)) {
                return refuse_toml(where() + ": host name " + name + " " + *fault);
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
        return refuse_toml(own ? where() + ": " + key + ": " + *fault
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
                    return refuse_toml("[bootstrap] hosts: parent " + *entry.parent +
                                       " is not one of the hosts");
                }
                if (rank == 0) {
                    return refuse_toml("[bootstrap] hosts: rank 0, " + name +
                                       ", may have no parent");
                }
                if (*parent == rank)
                    return refuse_toml("[bootstrap] hosts: " + name + " is its own parent");
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
                return refuse_toml(
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

}  // namespace

OrCause<void> check_bootstrap(const Toml& root, std::optional<std::string_view> own_hostname) {
    constexpr std::array rules{KeyRule{"curve_cert", toml::value_t::string},
                               KeyRule{"default_bind", toml::value_t::string},
                               KeyRule{"default_connect", toml::value_t::string},
                               KeyRule{"default_port", toml::value_t::integer},
                               KeyRule{"enable_ipv6", toml::value_t::boolean},
                               KeyRule{"hosts", toml::value_t::array}};
    auto table = toml_section(root, "bootstrap");
    if (!table) return refuse_toml(table.error());
    if (*table == nullptr) return {};
    const TomlTable& bootstrap = **table;
    if (auto checked = check_known_keys(bootstrap, "[bootstrap]", rules); !checked) return checked;
    if (auto checked = check_key_types(bootstrap, "[bootstrap]", rules); !checked) return checked;

    const std::int64_t port = number_at(bootstrap, "default_port").value_or(0);
    if (port < 0 || port > 65535) {
        return refuse_toml(
            fmt::format("[bootstrap]: default_port {} is not a port from 0 to 65535", port));
    }
    auto size = HostsCheck(bootstrap, own_hostname).check();
    if (!size) return refuse_toml(size.error());
    if (*size > 1 && !bootstrap.contains("curve_cert")) {
        return refuse_toml(fmt::format("[bootstrap]: {} hosts need a curve_cert", *size));
    }
    return {};
}

}  // namespace fluxpod
