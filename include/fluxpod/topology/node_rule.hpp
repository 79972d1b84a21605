// SPDX-License-Identifier: Apache-2.0
// The node rule: does Flux count this pod's hardware once and correctly? Pure.
//
// Flux counts every core that hwloc shows it. That is right if the pod has the node for itself, or
// if its cpuset holds just its share; a CFS quota changes nothing of it. What is known here is this
// pod's side only; that two pods of one instance share a kernel is found after the start, by the
// node check (files/node_check.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/idset.hpp"
#include "fluxpod/settings/settings.hpp"
#include "fluxpod/topology/cgroup.hpp"
#include "fluxpod/topology/inspect.hpp"

namespace fluxpod {

struct NodeFacts {
    NodeShape shape;
    CgroupLimits limits;
    bool in_kubernetes = false;         // where every pod has a request, if only the least
    std::optional<double> cpu_request;  // in CPUs, as the pod's spec has them (downward API)
    std::optional<double> cpu_limit;
    std::optional<std::uint32_t> declared_cores;  // of this pod's rank in a declared R
};

enum class Verdict {
    whole_node,    // all of the node's CPUs are counted, and nothing says that others have a part
    proven_share,  // a part of them is counted, and this part is the pod's own
    unproven,      // nothing is wrong here, and nothing proves that no other pod has the same CPUs
    violated,      // more is counted than the pod may use
};
[[nodiscard]] std::string_view name_of(Verdict verdict);  // "whole node", "proven share", ...

// "2 CPUs", "at least 256 CPUs", "between 1.00 and 2.54 CPUs".
[[nodiscard]] std::string describe(const CpuRange& request);

struct Judgement {
    Verdict verdict = Verdict::whole_node;
    std::string reason;  // with the numbers
    std::string advice;  // what to change; empty where nothing is to be
};

// `reserve` is in percent: a limit that is less than the CPUs that are counted by no more than this
// is the whole of them, since Kubernetes keeps a part of every node for itself.
[[nodiscard]] Judgement judge_node(const NodeFacts& facts, std::uint32_t reserve);

// The CPUs to bind this pod to, so that Flux counts what the limit gives: as many whole cores as
// fit into it, at least one CPU. A last CPU that the limit gives but for the reserve counts as
// given. Pods of the same node have other ranks, and each takes the cores behind those of the rank
// before, around the node: jobs are bound to the cores that Flux counts. Nothing where there is no
// limit, or none that says less than what is counted.
[[nodiscard]] std::optional<Idset> choose_share(const NodeFacts& facts, std::uint32_t reserve,
                                                std::uint32_t rank);

// What the rule makes of it.
struct NodeShare {
    NodeShape shape;            // what Flux will count
    std::optional<Idset> bind;  // to these CPUs, before the launch
    Judgement judgement;        // of `shape`
};
// Error 12 where the rule is strict, or share and the share cannot be made. Warns of nothing: that
// is the caller's. With the rule off the judgement is empty.
[[nodiscard]] Result<NodeShare> apply_node_rule(NodeFacts facts, NodeRule rule,
                                                std::uint32_t reserve, std::uint32_t rank);

}  // namespace fluxpod
