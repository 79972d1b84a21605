// SPDX-License-Identifier: Apache-2.0
// The names of all pods of the cluster, in the order of the ranks: listed, by a format, or as the
// platform gives them.
#pragma once

#include <optional>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/settings/settings.hpp"
#include "known_pod.hpp"

namespace fluxpod {

// Reads --hosts; nullopt if it is not set.
[[nodiscard]] Result<std::optional<Hostlist>> read_listed_hosts(const Settings& settings);

[[nodiscard]] Result<Hostlist> make_cluster_hosts(const KnownPod& pod);

// Refuses names that Flux would refuse.
[[nodiscard]] Status check_host_names(const Hostlist& hosts);

}  // namespace fluxpod
