// SPDX-License-Identifier: Apache-2.0
// The node check: what every broker does in rc1, before the lead's program starts, about other
// ranks on its kernel. They would have its hardware counted once for each, so all but the first
// drain themselves with a reason that names the first. With --bind-cpus each takes CPUs that no
// other one has.
//
// The boot id tells kernels apart; the node's name, if it is known, tells apart what was started
// from one memory image. The machine id is the image's in a container, and so says nothing.
// Each rank appends a line to a key of the KVS that is named after the kernel. The list only grows,
// so that all see one order; a rank's newest line counts, if the broker that wrote it still answers
// (its start time is in the line: a pod may have moved, and a list may come from a restored KVS).
// One that does not answer in time counts as there; one that Flux has no route to does not.
// A rank that comes back and has its node for itself takes its own drain back.
//
// Flux from 0.79 on reads Python tasks (flux-modprobe(1)), also from a file system that is mounted
// noexec, where it ignores scripts. Older ones run each script in rc1.d, and fail if they cannot.
// docs/node-rule.md has the cost.
#pragma once

#include <string>

#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// In Python; the plan has a node check. A check that fails ends the broker if it was asked for
// (strict, or --node-check on); else it is logged.
[[nodiscard]] std::string render_node_check(const Plan& plan);
// For sh, for a Flux before 0.79: runs the former.
[[nodiscard]] std::string render_node_check_script(const Plan& plan);

}  // namespace fluxpod
