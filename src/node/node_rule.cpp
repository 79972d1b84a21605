// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/node_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cpu_share.hpp"

namespace fluxpod {

namespace {

const char* const guaranteed =
    "give the container requests equal to its limits in whole CPUs on nodes with the static CPU "
    "manager (cpuManagerPolicy: static), so that it gets CPUs of its own";
const char* const whole_pod =
    "request more than half of the node's CPUs, or set a required pod anti-affinity on "
    "kubernetes.io/hostname, so that no other pod of the cluster fits beside it";

// Names what could not be read and is needed for a proof; empty if all was read.
std::string unseen_in(const NodeFacts& facts) {
    const bool told = facts.cpu_limit && facts.cpu_request;
    const std::string limits = told ? "" : facts.limits.unseen;
    if (facts.shape.unseen.empty() || limits.empty()) return facts.shape.unseen + limits;
    return facts.shape.unseen + "; " + limits;
}

Judgement judge_part(const NodeFacts& facts, const Count& count, std::uint32_t reserve) {
    const auto request = request_of(facts);
    const std::string part = fmt::format(
        "Flux counts {} of the node's {}, {}", count.text(),
        cpus_in_words(facts.shape.complete_pus),
        facts.declared_cores ? "as declared" : "those of this process's cpuset or binding");
    if (request && request->max < without_reserve(count.cpus, reserve)) {
        return {
            .verdict = Verdict::unproven,
            .reason = fmt::format("{}, but the pod requests {}: other pods may have the same CPUs",
                                  part, describe(*request)),
            .advice = guaranteed};
    }
    if (facts.in_kubernetes && !request) {
        return {.verdict = Verdict::unproven,
                .reason = part +
                          ", but the pod's CPU request is not known: other pods may have the "
                          "same CPUs",
                .advice = guaranteed};
    }
    // To declare a part of the node is to say so, and no more.
    const bool only_said = facts.declared_cores && facts.shape.pus == facts.shape.complete_pus;
    if (only_said && !request && !ceiling_of(facts)) {
        return {.verdict = Verdict::unproven,
                .reason = part + ", and nothing shows that other pods do not have the same ones",
                .advice = guaranteed};
    }
    return {.verdict = Verdict::proven_share, .reason = part, .advice = "", .proven = true};
}

Judgement judge_whole(const NodeFacts& facts, const Count& count) {
    const auto request = request_of(facts);
    const double half = facts.shape.complete_pus / 2.0;
    const std::string whole = fmt::format("Flux counts the whole node, {}", count.text());
    if (request && request->min > half) {
        return {.verdict = Verdict::whole_node,
                .reason = fmt::format(
                    "{}; the pod requests {}, more than half of it, so no equal pod fits beside it",
                    whole, describe(*request)),
                .advice = "",
                .proven = true};
    }
    if (request) {
        return {
            .verdict = Verdict::unproven,
            .reason = fmt::format("{}; the pod requests {}, {} half of it, so another one may fit "
                                  "beside it and be counted too",
                                  whole, describe(*request),
                                  request->max > half ? "perhaps not more than" : "no more than"),
            .advice = whole_pod};
    }
    if (facts.in_kubernetes) {
        return {.verdict = Verdict::unproven,
                .reason = whole +
                          "; the pod's CPU request is not known, so another pod may be counted too",
                .advice = whole_pod};
    }
    const auto ceiling = ceiling_of(facts);
    return {.verdict = Verdict::whole_node,
            .reason = ceiling ? fmt::format("{}; {} gives {}", whole, ceiling->origin,
                                            cpus_in_words(ceiling->cpus))
                              : whole + "; nothing limits this pod",
            .advice = ""};
}

// R has `count` cores, no more than the ceiling gives in CPUs.
Judgement judge_floating(const NodeFacts& facts, std::uint32_t count) {
    const auto ceiling = ceiling_of(facts);
    const auto request = request_of(facts);
    const double missing = 0.01;  // shares are whole numbers
    std::string reason =
        fmt::format("R counts {}; {} gives {}, which {} of the node's {}", cores_in_words(count),
                    ceiling->origin, cpus_in_words(ceiling->cpus),
                    facts.shape.pus < facts.shape.complete_pus
                        ? fmt::format("float over {}", cpus_in_words(facts.shape.pus))
                        : std::string("float over all"),
                    cpus_in_words(facts.shape.complete_pus));
    reason += request ? "; the pod requests " + describe(*request) : "; its request is not known";
    if (request && request->min + missing >= std::min<double>(count, ceiling->cpus)) {
        return {.verdict = Verdict::unproven,
                .reason = reason + ", so the time is its own, and the place is not",
                .advice = "",
                .floats = true};
    }
    return {.verdict = Verdict::unproven,
            .reason = reason + ", and other pods may want the same time",
            .advice = guaranteed,
            .floats = true};
}

Judgement judge_what_was_seen(const NodeFacts& facts, std::uint32_t reserve) {
    const Count count = counted_by_flux(facts);
    if (count.cores > facts.shape.cores) {
        return {
            .verdict = Verdict::violated,
            .reason = fmt::format("the declared resources have {} for this pod, but hwloc shows "
                                  "{}, so Flux would drain the node at once",
                                  cores_in_words(count.cores), cores_in_words(facts.shape.cores)),
            .advice = "declare what every pod of the group has (--resource-config)"};
    }
    const auto ceiling = ceiling_of(facts);
    const auto share = cpus_of_share(facts, reserve);
    const bool is_whole = count.cpus >= facts.shape.complete_pus;
    if (share && facts.declared_cores && count.cores <= *share && ceiling->cpus >= 1) {
        // A limit that is the node's but for the reserve.
        if (ceiling->cpus >= without_reserve(facts.shape.complete_pus, reserve)) {
            auto judgement = judge_whole(facts, count);
            if (judgement.verdict == Verdict::whole_node) return judgement;
        }
        return judge_floating(facts, count.cores);
    }
    if (ceiling && ceiling->cpus < without_reserve(count.cpus, reserve)) {
        if (count.cores > 1) {
            return {.verdict = Verdict::violated,
                    .reason = fmt::format("Flux counts {}, but {} gives {}", count.text(),
                                          ceiling->origin, cpus_in_words(ceiling->cpus)),
                    .advice = guaranteed};
        }
        return {.verdict = Verdict::unproven,
                .reason = fmt::format("Flux counts {}, the least that it can, but {} gives {}",
                                      cores_in_words(count.cores), ceiling->origin,
                                      cpus_in_words(ceiling->cpus)),
                .advice = guaranteed,
                .floats = share.has_value()};
    }
    return is_whole ? judge_whole(facts, count) : judge_part(facts, count, reserve);
}

Error refusal(const Judgement& judgement, NodeRule rule, bool discovers) {
    const char* way_out =
        rule == NodeRule::share && discovers
            ? "; or have R count it: --resources render, or --resource-config for unequal groups"
        : rule == NodeRule::share || judgement.verdict != Verdict::violated
            ? "; or use --node-rule warn"
            : "; or use --node-rule share, which makes the count right";
    return {.code = ExitCode::node_rule,
            .doing = "let Flux count this node",
            .cause = judgement.reason,
            .hint = judgement.advice + way_out};
}

}  // namespace

std::string describe(const CpuRange& range) {
    if (range.max - range.min < 0.05) return cpus_in_words(std::round(range.min * 100) / 100);
    if (std::isinf(range.max)) return "at least " + cpus_in_words(range.min);
    return fmt::format("between {:.2f} and {:.2f} CPUs", range.min, range.max);
}

std::string_view name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::whole_node: return "whole node";
        case Verdict::proven_share: return "proven share";
        case Verdict::unproven: return "unproven";
        case Verdict::violated: return "violated";
    }
    return "";
}

Judgement judge_node(const NodeFacts& facts, std::uint32_t reserve) {
    Judgement judgement = judge_what_was_seen(facts, reserve);
    const std::string unseen = unseen_in(facts);
    if (unseen.empty()) return judgement;
    judgement.unseen = true;
    judgement.proven = false;
    judgement.advice =
        "let this container read /sys and its cgroup, and unset HWLOC_ variables; "
        "for limits that it cannot read, set --cpu-limit and --cpu-request";
    if (judgement.verdict == Verdict::violated || judgement.floats) {
        judgement.reason += "; " + unseen;
        return judgement;
    }
    judgement.verdict = Verdict::unproven;
    judgement.reason =
        fmt::format("Flux counts {} of the {} that hwloc shows; {}", counted_by_flux(facts).text(),
                    cpus_in_words(facts.shape.complete_pus), unseen);
    return judgement;
}

Result<NodeShare> apply_node_rule(NodeFacts facts, NodeRule rule, std::uint32_t reserve) {
    NodeShare share;
    if (rule == NodeRule::off) {
        share.shape = std::move(facts.shape);
        return share;
    }
    if (rule == NodeRule::share && !facts.declared_cores && !facts.discovers) {
        // Flux drains a node whose R has a core that hwloc does not show.
        if (const auto count = cpus_of_share(facts, reserve)) {
            facts.declared_cores = std::min(*count, facts.shape.cores);
        }
    }
    share.judgement = judge_node(facts, reserve);
    const bool violated = share.judgement.verdict == Verdict::violated;
    const bool refused = rule == NodeRule::strict ? violated || share.judgement.unseen
                                                  : rule == NodeRule::share && violated;
    if (refused) return fail(refusal(share.judgement, rule, facts.discovers));
    if (share.judgement.floats) {
        share.floating_cpus = cpus_of_share(facts, reserve).value_or(0);
    }
    share.shape = std::move(facts.shape);
    if (facts.declared_cores && !violated) share.shape.cores = *facts.declared_cores;
    return share;
}

}  // namespace fluxpod
