// SPDX-License-Identifier: Apache-2.0
#include "tbon_rules.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>

#include "flux_seconds.hpp"
#include "fluxpod/base/text.hpp"
#include "toml_keys.hpp"

namespace fluxpod {

namespace {

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
    auto min = flux_seconds(text_at(tbon, "torpid_min").value_or("5s"));
    auto max = flux_seconds(text_at(tbon, "torpid_max").value_or("30s"));
    if (!min) return refuse_toml("[tbon]: torpid_min " + min.error());
    if (!max) return refuse_toml("[tbon]: torpid_max " + max.error());
    if (*min == 0) return refuse_toml("[tbon]: torpid_min is 0");
    if (*max != 0 && *min >= *max) {
        return refuse_toml("[tbon]: torpid_min is not less than torpid_max");
    }
    return {};
}

}  // namespace

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
    auto table = toml_section(root, "tbon");
    if (!table) return refuse_toml(table.error());
    if (*table == nullptr) return {};
    const TomlTable& tbon = **table;
    if (auto checked = check_key_types(tbon, "[tbon]", rules); !checked) return checked;

    if (auto topo = text_at(tbon, "topo")) {
        if (auto fault = topo_fault(*topo)) return refuse_toml("[tbon]: topo " + *fault);
    }
    for (const char* key : {"connect_timeout", "tcp_user_timeout"}) {
        auto text = text_at(tbon, key);
        if (!text) continue;
        if (auto seconds = flux_seconds(*text); !seconds) {
            return refuse_toml(fmt::format("[tbon]: {} {}", key, seconds.error()));
        }
    }
    if (auto checked = check_torpid(tbon); !checked) return checked;
    auto in_int = [](std::int64_t number, std::int64_t least) {
        return number >= least && number <= INT32_MAX;
    };
    auto high_water = number_at(tbon, "child_rcvhwm").value_or(0);
    if (!in_int(high_water, 0) || high_water == 1) {
        return refuse_toml(fmt::format("[tbon]: child_rcvhwm {} is neither 0 nor from 2 to {}",
                                       high_water, INT32_MAX));
    }
    auto threads = number_at(tbon, "zmq_io_threads").value_or(1);
    if (!in_int(threads, 1)) {
        return refuse_toml(fmt::format("[tbon]: zmq_io_threads {} is not a number from 1 to {}",
                                       threads, INT32_MAX));
    }
    return {};
}

}  // namespace fluxpod
