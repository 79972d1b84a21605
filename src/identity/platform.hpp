// SPDX-License-Identifier: Apache-2.0
// The platforms that give pods an index and names, and what each convention is: one table.
//
// JobSet, Kubeflow Trainer and MiniCluster pods are pods of Indexed Jobs and follow its row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/identity/pod_facts.hpp"

namespace fluxpod {

enum class IndexSource { number, role, ordinal };

// Says that the lead is numbered as all others are.
inline constexpr std::string_view numbered = "#";

struct Platform {
    std::string_view name;
    const std::optional<std::string> PodFacts::*sign;  // present: it is this platform
    std::string_view sign_name;                        // the sign as messages call it
    IndexSource index;        // the sign is the index; it tells the role; or the name's ordinal
    std::string_view lead;    // the lead is called NAME + this; or `numbered`
    std::string_view others;  // the others are called NAME + this + ordinal
    int first;                // ordinal of rank 0, also if the lead has a name of its own
};

// The first row whose sign is there; the last row, plain hostnames, has none and needs none.
[[nodiscard]] const Platform& recognise(const PodFacts& facts);
[[nodiscard]] bool is_plain(const Platform& platform);

// "fp-3" with separator "-" is base "fp" and ordinal 3. A number with leading zeros is not an
// ordinal: no platform pads, so "node007" or "node-007" is a name that only a host list can place.
struct Numbered {
    std::string_view base;
    std::uint32_t ordinal;
};
[[nodiscard]] std::optional<Numbered> split_ordinal(std::string_view hostname,
                                                    std::string_view separator);

struct Index {
    std::uint32_t value;
    std::string origin;
};

// Returns the index that the platform gives the pod of that name; nullopt if it gives none. Error
// 11 names the variable that holds no index or no role.
[[nodiscard]] Result<std::optional<Index>> platform_index(const Platform& platform,
                                                          const PodFacts& facts,
                                                          std::string_view hostname);

// Returns a pod's hostname without what the platform appends to the cluster's name.
[[nodiscard]] std::string cluster_name_in(const Platform& platform, std::string_view hostname,
                                          bool is_lead);

// The platform's names of ranks 0..count-1, count > 0.
[[nodiscard]] Hostlist platform_hosts(const Platform& platform, const std::string& cluster_name,
                                      std::uint32_t count);

}  // namespace fluxpod
