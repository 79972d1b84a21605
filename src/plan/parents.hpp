// SPDX-License-Identifier: Apache-2.0
// The parent of each rank in a custom topology, from --parent CHILDREN=PARENT.
#pragma once

#include <cstdint>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Returns the parents by rank; a rank that is not mentioned is the lead's child. Empty if the
// topology is not custom. Error 10: not CHILDREN=PARENT, a host that is not in the list, a second
// parent, a parent of the lead, a rank that is its own ancestor.
[[nodiscard]] Result<std::vector<std::uint32_t>> choose_parents(const Settings& settings,
                                                                const Hostlist& hosts);

}  // namespace fluxpod
