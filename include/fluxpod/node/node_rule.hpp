// SPDX-License-Identifier: Apache-2.0
// The node rule: does Flux count this pod's hardware once and correctly? Pure.
//
// Flux counts every core that hwloc shows it. That is right if the pod has the node for itself, or
// if its cpuset holds just its share; a CFS quota changes nothing of it. This room knows only this
// pod's side; that two pods of one instance share a kernel is found after the start, by the node
// check (files/node_check.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/idset.hpp"
#include "fluxpod/node/cgroup.hpp"
#include "fluxpod/node/inspect.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

struct NodeFacts {
    NodeShape shape;
    CgroupLimits limits;
    bool in_kubernetes = false;         // true if every pod has a request, be it the least
    std::optional<double> cpu_request;  // in CPUs, as the pod's spec has them (downward API)
    std::optional<double> cpu_limit;
    std::optional<std::uint32_t> declared_cores;  // of this pod's rank in a declared R
    bool discovers = false;                       // Flux itself counts: there is no R to count in
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
    std::string advice;  // what to change; empty if nothing needs attention
    // The counted CPUs are the pod's own: by its request, or by a cpuset that somebody else set.
    bool proven = false;
    // R counts what a limit gives in time. The kernel places it: nobody may bind to core numbers,
    // since the neighbours on this node would bind to the same ones.
    bool floats = false;
    bool unseen = false;  // something that a proof needs could not be read
};

// `reserve` is in percent: a limit that is less than the CPUs that are counted by no more than this
// is the whole of them, since Kubernetes keeps a part of every node for itself.
[[nodiscard]] Judgement judge_node(const NodeFacts& facts, std::uint32_t reserve);

// What the rule makes of it.
struct NodeShare {
    NodeShape shape;  // `cores` is what R says: with NodeRule::share what a limit gives in CPUs
    std::uint32_t floating_cpus = 0;  // whole CPUs that the limit gives, if the share floats
    Judgement judgement;
};
// With NodeRule::share a limit (a CFS quota, or the spec's) sets the count: whole CPUs, at least
// one, at most the cores that hwloc shows, and the same for every rank. A last CPU that the limit
// gives but for the reserve counts as given.
//
// Error 12: the rule is strict or share and Flux would count more than the pod may use; the rule is
// strict and something could not be read. Logs nothing: that is the caller's. With the rule off the
// judgement is empty.
[[nodiscard]] Result<NodeShare> apply_node_rule(NodeFacts facts, NodeRule rule,
                                                std::uint32_t reserve);

}  // namespace fluxpod
