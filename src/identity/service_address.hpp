// SPDX-License-Identifier: Apache-2.0
// Where the pods are in the cluster's DNS: headless service, namespace, cluster domain.
#pragma once

#include "fluxpod/base/error.hpp"
#include "fluxpod/identity/identity.hpp"
#include "fluxpod/identity/pod_facts.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Completes the identity, whose hosts are known. Refuses addresses that DNS cannot hold.
[[nodiscard]] Status find_service_address(Identity& identity, const Settings& settings,
                                          const PodFacts& facts);

}  // namespace fluxpod
