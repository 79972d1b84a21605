// SPDX-License-Identifier: Apache-2.0
// How many pods the cluster has: now, at least, at most.
#pragma once

#include <optional>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/identity/pod_facts.hpp"
#include "fluxpod/settings/settings.hpp"
#include "sourced.hpp"

namespace fluxpod {

struct ClusterSizes {
    SourcedNumber size, min, max;
};

// `listed` is what --hosts lists. Error 11 if the sources contradict each other, 10 if the sizes do
// not rise.
[[nodiscard]] Result<ClusterSizes> find_cluster_sizes(const Settings& settings,
                                                      const PodFacts& facts,
                                                      const std::optional<Hostlist>& listed);

}  // namespace fluxpod
