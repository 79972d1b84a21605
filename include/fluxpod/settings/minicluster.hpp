// SPDX-License-Identifier: Apache-2.0
// A Flux Operator MiniCluster (flux-framework.org/v1alpha2) as a source of settings: name,
// namespace, size, maxSize, minSize, network.headlessName, flux.{connectTimeout, topology,
// logLevel, optionFlags, scheduler.queuePolicy, container.disable}, the Flux container's command,
// launcher, interactive and tasks. What only the operator acts on is passed over; what would change
// the boot and is not supported is refused by name, never dropped in silence; fields of v1alpha1
// that linger in the wild are passed over with a warning.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/sources.hpp"

namespace fluxpod {

struct MiniCluster {
    std::vector<Assignment> assignments;  // origin "spec.size of FILE"
    // The lead's initial program as an argument vector, empty for an interactive cluster: launcher
    // runs the command itself, otherwise `flux submit -N ... --quiet --watch` does (flux-facts row
    // 39).
    std::vector<std::string> command;
    std::vector<std::string> warnings;
};

// The first MiniCluster of the file's documents. `container` names the container that runs Flux
// where the spec has several and none is marked. Error 10.
[[nodiscard]] Result<MiniCluster> read_minicluster(const std::string& path,
                                                   const std::string& container);

}  // namespace fluxpod
