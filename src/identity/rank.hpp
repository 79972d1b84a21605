// SPDX-License-Identifier: Apache-2.0
// The rank: the place of the pod's hostname among the names of the cluster, with which its index
// must agree.
#pragma once

#include <cstdint>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "known_pod.hpp"
#include "sourced.hpp"

namespace fluxpod {

// Error 11 with what does not fit, and where each part came from.
[[nodiscard]] Result<std::uint32_t> find_rank(const KnownPod& pod, const Hostlist& hosts,
                                              const SourcedNumber& max_size);

}  // namespace fluxpod
