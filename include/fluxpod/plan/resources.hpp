// SPDX-License-Identifier: Apache-2.0
// The resource set R of the whole instance: from this pod's hardware where all pods are equal, from
// --resource-config where they are not. Pure; what is declared is the same on every pod.
#pragma once

#include <cstdint>
#include <optional>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/formats/resource_set.hpp"
#include "fluxpod/node/inspect.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Returns nullopt if no group is declared. Error 10: an entry that is not
// HOSTS=cores:N[,gpus:N][,property:P]..., a host that is in no group, in two, or not in `hosts`.
[[nodiscard]] Result<std::optional<ResourceSet>> declared_resources(const Settings& settings,
                                                                    const Hostlist& hosts);
[[nodiscard]] std::optional<std::uint32_t> declared_cores(
    const std::optional<ResourceSet>& declared, std::uint32_t rank);

// Returns nullopt if Flux is to discover by itself. Error 10 if neither source has a core.
[[nodiscard]] Result<std::optional<ResourceSet>> describe_resources(
    const Settings& settings, const Hostlist& hosts, const std::optional<NodeShape>& shape);

}  // namespace fluxpod
