// SPDX-License-Identifier: Apache-2.0
// The resource set R, version 1 (Flux RFC 20): which rank has which cores and GPUs, by hwloc's
// logical index (RFC 20 and flux-core rhwloc.c). What Flux requires and we check on reading:
// version 1, at least one R_lite entry, ranks that do not overlap, cores in each, as many hosts
// as ranks, properties of ranks that exist, their names without ! & ' " ^ ` | ( ).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/formats/idset.hpp"

namespace fluxpod {

struct ResourceSet {
    struct Entry {
        Idset ranks;
        Idset cores;
        Idset gpus;
    };
    std::vector<Entry> entries;
    Hostlist hosts;                           // position = rank
    std::map<std::string, Idset> properties;  // property -> ranks

    // Compact JSON with a newline at the end, keys in a fixed order: same value, same bytes.
    [[nodiscard]] std::string encode() const;
    // The error is the cause in words. Leaves out what Flux adds and fluxpod does not need (times,
    // nslots, the scheduler's own key).
    static OrCause<ResourceSet> parse(std::string_view json);
};

// A name that RFC 20 allows: printable ASCII without blanks and ! & ' " ^ ` | ( ).
[[nodiscard]] bool is_property_name(std::string_view name);

}  // namespace fluxpod
