// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/topology/node_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace fluxpod {

namespace {

const char* const guaranteed =
    "give the container requests equal to its limits in whole CPUs on nodes with the static CPU "
    "manager (cpuManagerPolicy: static), so that it gets CPUs of its own";
const char* const whole_pod =
    "request more than half of the node's CPUs, or set a required pod anti-affinity on "
    "kubernetes.io/hostname, so that no other pod of the cluster fits beside it";

// "1 CPU", "1.5 CPUs", "2 CPUs": at most three digits behind the point.
std::string cpus(double count) {
    const double rounded = std::round(count * 1000) / 1000;
    return fmt::format("{} CPU{}", rounded, rounded == 1 ? "" : "s");
}

std::string cores(std::uint32_t count) {
    return fmt::format("{} core{}", count, count == 1 ? "" : "s");
}

// What Flux would count, in words and in CPUs.
struct Count {
    std::uint32_t cores = 0;
    double cpus = 0;
    [[nodiscard]] std::string text() const {
        return fmt::format("{} ({})", fluxpod::cores(cores), fluxpod::cpus(cpus));
    }
};

// A declared R is what Flux counts; its cores have as many CPUs as this node's.
Count counted_by_flux(const NodeFacts& facts) {
    const NodeShape& shape = facts.shape;
    if (!facts.declared_cores || shape.cores == 0) return {shape.cores, double(shape.pus)};
    const double cpus_per_core = double(shape.pus) / shape.cores;
    return {*facts.declared_cores, *facts.declared_cores * cpus_per_core};
}

// The most that the pod may use, and who says so.
struct Ceiling {
    double cpus = 0;
    std::string origin;
};

std::optional<Ceiling> ceiling_of(const NodeFacts& facts) {
    std::optional<Ceiling> ceiling;
    if (facts.limits.cpu_quota) {
        ceiling = {*facts.limits.cpu_quota, "the CPU quota of " + facts.limits.cpu_quota_directory};
    }
    if (facts.cpu_limit && (!ceiling || *facts.cpu_limit < ceiling->cpus)) {
        ceiling = {*facts.cpu_limit, "the CPU limit of the pod's spec"};
    }
    return ceiling;
}

// Outside of Kubernetes nobody need have set the weight, and the kernel's default is no request.
std::optional<CpuRange> request_of(const NodeFacts& facts) {
    if (facts.cpu_request) return CpuRange{*facts.cpu_request, *facts.cpu_request};
    if (facts.limits.cpu_request_is_default && !facts.in_kubernetes) return std::nullopt;
    return facts.limits.cpu_request;
}

double without_reserve(double count, std::uint32_t reserve) {
    return count * (100.0 - reserve) / 100.0;
}

Judgement judge_part(const NodeFacts& facts, const Count& count, std::uint32_t reserve) {
    const auto request = request_of(facts);
    const std::string part = fmt::format(
        "Flux counts {} of the node's {}, {}", count.text(), cpus(facts.shape.complete_pus),
        facts.declared_cores ? "as declared" : "those of this process's cpuset or binding");
    if (request && request->most < without_reserve(count.cpus, reserve)) {
        return {Verdict::unproven,
                fmt::format("{}, but the pod requests {}: other pods may have the same CPUs", part,
                            describe(*request)),
                guaranteed};
    }
    // To declare a part of the node is to say so, and no more.
    const bool only_said = facts.declared_cores && facts.shape.pus == facts.shape.complete_pus;
    if (only_said && !request && !ceiling_of(facts)) {
        return {Verdict::unproven,
                part + ", and nothing shows that other pods do not have the same ones", guaranteed};
    }
    return {Verdict::proven_share, part, ""};
}

Judgement judge_whole(const NodeFacts& facts, const Count& count) {
    const auto request = request_of(facts);
    const double half = facts.shape.complete_pus / 2.0;
    const std::string whole = fmt::format("Flux counts the whole node, {}", count.text());
    if (request && request->least > half) {
        return {Verdict::whole_node,
                fmt::format("{}; the pod requests {}, more than half of it, so no equal pod fits "
                            "beside it",
                            whole, describe(*request)),
                ""};
    }
    if (request) {
        return {Verdict::unproven,
                fmt::format("{}; the pod requests {}, {} half of it, so another one may fit beside "
                            "it and be counted too",
                            whole, describe(*request),
                            request->most > half ? "perhaps not more than" : "no more than"),
                whole_pod};
    }
    if (facts.in_kubernetes) {
        return {Verdict::unproven,
                whole + "; the pod's CPU request is not known, so another pod may be counted too",
                whole_pod};
    }
    const auto ceiling = ceiling_of(facts);
    return {Verdict::whole_node,
            ceiling ? fmt::format("{}; {} gives {}", whole, ceiling->origin, cpus(ceiling->cpus))
                    : whole + "; nothing limits this pod",
            ""};
}

// ---- the share ----------------------------------------------------------------------------------

using Cores = std::vector<NodeShape::Core>;

// How many cores from the first one on; at least one.
std::size_t count_that_fit(const Cores& cores, std::uint64_t budget) {
    std::size_t count = 0;
    std::uint64_t taken = 0;
    while (count < cores.size() && taken + cores[count].cpus.count() <= budget) {
        taken += cores[count++].cpus.count();
    }
    return std::max<std::size_t>(1, count);
}

// Where shares of so many cores begin: side by side, and within a package where one holds a share.
// Where cores differ (hybrid CPUs, half a core in a cpuset) only at the first one, since every rank
// must count as many.
std::vector<std::size_t> starts_of_shares(const Cores& cores, std::size_t each) {
    const auto cpus = cores.front().cpus.count();
    if (std::ranges::any_of(cores, [&](const auto& core) { return core.cpus.count() != cpus; })) {
        return {0};
    }
    std::vector<std::size_t> within;
    std::vector<std::size_t> anywhere;
    for (std::size_t start = 0; start + each <= cores.size();) {
        const bool whole = cores[start].package == cores[start + each - 1].package;
        if (whole) within.push_back(start);
        start += whole ? each : 1;
    }
    for (std::size_t start = 0; start + each <= cores.size(); start += each) {
        anywhere.push_back(start);
    }
    return within.empty() ? anywhere : within;
}

Idset first_of(const Idset& cpus, std::uint64_t count) {
    Idset first;
    for (const auto& range : cpus.ranges()) {
        for (auto cpu = range.first; cpu <= range.last && first.count() < count; ++cpu) {
            first.insert(cpu);
        }
    }
    return first;
}

Error refusal(const Judgement& judgement, NodeRule rule) {
    const char* way_out = rule == NodeRule::strict
                              ? "; or use --node-rule share, which makes the count right"
                              : "; or use --node-rule warn";
    return {.code = ExitCode::node_rule,
            .doing = "let Flux count this node",
            .subject = "",
            .cause = judgement.reason,
            .tried = "",
            .hint = judgement.advice + way_out};
}

}  // namespace

std::string describe(const CpuRange& range) {
    if (range.most - range.least < 0.05) return cpus(std::round(range.least * 100) / 100);
    if (std::isinf(range.most)) return "at least " + cpus(range.least);
    return fmt::format("between {:.2f} and {:.2f} CPUs", range.least, range.most);
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
    const Count count = counted_by_flux(facts);
    if (count.cores > facts.shape.cores) {
        return {Verdict::violated,
                fmt::format("the declared resources have {} for this pod, but hwloc shows {}, so "
                            "Flux would drain the node at once",
                            cores(count.cores), cores(facts.shape.cores)),
                "declare what every pod of the group has (--resource-config)"};
    }
    const auto ceiling = ceiling_of(facts);
    if (ceiling && ceiling->cpus < without_reserve(count.cpus, reserve)) {
        if (count.cpus > 1) {
            return {Verdict::violated,
                    fmt::format("Flux counts {}, but {} gives {}", count.text(), ceiling->origin,
                                cpus(ceiling->cpus)),
                    guaranteed};
        }
        return {Verdict::unproven,
                fmt::format("Flux counts {}, the least that it can, but {} gives {}", count.text(),
                            ceiling->origin, cpus(ceiling->cpus)),
                guaranteed};
    }
    const bool part = count.cpus < facts.shape.complete_pus;
    return part ? judge_part(facts, count, reserve) : judge_whole(facts, count);
}

std::optional<Idset> choose_share(const NodeFacts& facts, std::uint32_t reserve,
                                  std::uint32_t rank) {
    const auto ceiling = ceiling_of(facts);
    const auto& cores = facts.shape.counted;
    if (!ceiling || ceiling->cpus >= facts.shape.pus || cores.empty()) return std::nullopt;
    const double begun = std::min(ceiling->cpus * reserve / 100.0, 0.999);
    const auto budget = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::max(0.0, ceiling->cpus + begun)));
    if (budget >= facts.shape.pus) return std::nullopt;

    const auto starts = starts_of_shares(cores, count_that_fit(cores, budget));
    const std::size_t start = starts[rank % starts.size()];
    Idset share;
    for (std::size_t i = start; i < cores.size(); ++i) {
        if (share.count() + cores[i].cpus.count() > budget) break;
        for (const auto& range : cores[i].cpus.ranges()) share.insert(range);
    }
    // Where a core has more CPUs than the limit gives.
    return share.empty() ? first_of(cores[start].cpus, budget) : share;
}

Result<NodeShare> apply_node_rule(NodeFacts facts, NodeRule rule, std::uint32_t reserve,
                                  std::uint32_t rank) {
    NodeShare share;
    if (rule == NodeRule::off) {
        share.shape = std::move(facts.shape);
        return share;
    }
    if (rule == NodeRule::share) {
        share.bind = choose_share(facts, reserve, rank);
        if (share.bind) facts.shape = narrowed(std::move(facts.shape), *share.bind);
    }
    share.judgement = judge_node(facts, reserve);
    const bool refuses = rule == NodeRule::strict || rule == NodeRule::share;
    if (share.judgement.verdict == Verdict::violated && refuses) {
        return fail(refusal(share.judgement, rule));
    }
    share.shape = std::move(facts.shape);
    return share;
}

}  // namespace fluxpod
