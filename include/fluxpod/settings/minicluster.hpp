// SPDX-License-Identifier: Apache-2.0
// A Flux Operator MiniCluster (flux-framework.org/v1alpha2) as a source of settings: name,
// namespace, size, maxSize, minSize, archive.path, network.headlessName, logging.{quiet, zeromq,
// debug}, flux.{connectTimeout, topology, minimalService, logLevel, optionFlags,
// scheduler.queuePolicy}, the Flux container's command and launcher, interactive and tasks. Fields
// that only the operator acts on are ignored; fields that would change the boot and are not
// supported (hooks, batch, bursting, brokerConfig, curveCert, ...) are refused by name, never
// dropped in silence; fields of v1alpha1 that linger in the wild are ignored with a warning; any
// other field is an error with the nearest known name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/settings/sources.hpp"

namespace fluxpod {

struct MiniCluster {
    std::vector<Assignment> assignments;  // origin "spec.size of FILE"
    // The lead's initial program as an argument vector; empty for an interactive cluster, whatever
    // its command. A launcher runs the command itself, otherwise it is submitted:
    // `flux submit [-N SIZE] [-n TASKS] OPTIONFLAGS --quiet --watch COMMAND` (flux-facts row 39).
    // The command is split at blanks and needs no shell, unless it holds a character that is
    // special to one (| & ; < > ( ) $ ` \ " ' * ? [ ] # ~ ! or a line's end, or "=" in its first
    // word): then it is the three words sh, -c and the command, byte for byte. The operator
    // instead expands the command on the lead before it is submitted.
    std::vector<std::string> command;
    std::vector<std::string> warnings;
};

// The values that stronger sources than the file have set already; empty and nullopt mean unset. A
// value that the file only implies is derived from these if they are set, else from the file.
struct StrongerSettings {
    std::string container;     // the one that runs Flux; empty: the only one, or that with runFlux
    std::string cluster_name;  // the service's name as well, unless the file names the service
    std::optional<std::uint32_t> size;  // the job is submitted to that many nodes
    std::string quiet;                  // "true", "false": whether the broker logs nothing, too
};

// Reads the file's only MiniCluster; of several the one that is called cluster_name. Error 10.
[[nodiscard]] Result<MiniCluster> read_minicluster(const std::string& path,
                                                   const StrongerSettings& stronger = {});

}  // namespace fluxpod
