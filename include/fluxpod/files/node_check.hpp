// SPDX-License-Identifier: Apache-2.0
// The node check: a script that every broker runs in rc1, before the lead's program starts. Ranks
// on the same kernel would have its hardware counted once for each, so all but the first drain
// themselves with a reason that names the first.
//
// What tells kernels apart is the boot id; the node's name, where it is known, tells apart what was
// started from one memory image. The machine id is the image's in a container, and so says nothing.
// Each rank appends itself to a key of the KVS that is named after the kernel, and reads the list
// down to itself: it only grows, so that all see one order. (Not at the root that the append
// returns: on a follower that is the one before it, flux-core kvs.c, setroot_event_process.)
// Who stands before it must still be there (flux exec), since a pod may have moved and the list may
// come from a restored KVS. A rank that comes back and has its node for itself takes its own drain
// back. Whatever goes wrong, the broker starts. docs/node-rule.md has the cost.
#pragma once

#include <string>

#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// For sh; the plan has a node check.
[[nodiscard]] std::string render_node_check(const Plan& plan);

}  // namespace fluxpod
