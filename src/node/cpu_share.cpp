// SPDX-License-Identifier: Apache-2.0
#include "cpu_share.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace fluxpod {

std::string cpus_in_words(double count) {
    const double rounded = std::round(count * 1000) / 1000;
    return fmt::format("{} CPU{}", rounded, rounded == 1 ? "" : "s");
}

std::string cores_in_words(std::uint32_t count) {
    return fmt::format("{} core{}", count, count == 1 ? "" : "s");
}

std::string Count::text() const {
    return fmt::format("{} ({})", cores_in_words(cores), cpus_in_words(cpus));
}

Count counted_by_flux(const NodeFacts& facts) {
    const NodeShape& shape = facts.shape;
    if (!facts.declared_cores || shape.cores == 0) return {shape.cores, double(shape.pus)};
    const double cpus_per_core = double(shape.pus) / shape.cores;
    return {*facts.declared_cores, *facts.declared_cores * cpus_per_core};
}

std::optional<Ceiling> ceiling_of(const NodeFacts& facts) {
    std::optional<Ceiling> ceiling;
    if (facts.limits.cpu_quota) {
        ceiling = {*facts.limits.cpu_quota, "the CPU quota of " + facts.limits.cpu_quota_directory};
    }
    if (facts.cpu_limit && (!ceiling || *facts.cpu_limit < ceiling->cpus)) {
        ceiling = {*facts.cpu_limit, "the CPU limit of the pod's spec"};
    }
    const auto& kernel = facts.shape.kernel_pus;
    if (kernel && (!ceiling || *kernel < ceiling->cpus)) {
        ceiling = {double(*kernel), "the kernel's own CPU affinity of this process"};
    }
    return ceiling;
}

std::optional<CpuRange> request_of(const NodeFacts& facts) {
    if (facts.cpu_request) return CpuRange{*facts.cpu_request, *facts.cpu_request};
    if (facts.limits.cpu_request_is_default && !facts.in_kubernetes) return std::nullopt;
    return facts.limits.cpu_request;
}

double without_reserve(double count, std::uint32_t reserve) {
    return count * (100.0 - reserve) / 100.0;
}

std::optional<std::uint32_t> cpus_of_share(const NodeFacts& facts, std::uint32_t reserve) {
    const auto ceiling = ceiling_of(facts);
    if (!ceiling || ceiling->cpus >= facts.shape.pus) return std::nullopt;
    const double begun = std::min(ceiling->cpus * reserve / 100.0, 0.999);
    const auto count = std::max<std::uint32_t>(
        1, static_cast<std::uint32_t>(std::max(0.0, ceiling->cpus + begun)));
    return count < facts.shape.pus ? std::optional(count) : std::nullopt;
}

}  // namespace fluxpod
