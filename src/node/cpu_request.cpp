// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/cpu_request.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fluxpod {

namespace {

// The kernel's bounds for cpu.shares. The kubelet puts what is beyond them on them.
constexpr std::uint64_t least_shares = 2;
constexpr std::uint64_t max_shares = 262144;
constexpr double shares_per_cpu = 1024;

std::uint64_t weight_by_line(std::uint64_t shares) {
    return 1 + (shares - least_shares) * 9999 / (max_shares - least_shares);
}

// Through (2, 1), (1024, 100) and (262144, 10000), so that the defaults meet.
std::uint64_t weight_by_curve(std::uint64_t shares) {
    const double l = std::log2(static_cast<double>(shares));
    const double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
    return static_cast<std::uint64_t>(std::ceil(std::pow(10, exponent)));
}

// The least shares with at least this weight; both formulas only grow.
std::uint64_t least_with(std::uint64_t (*weight_of)(std::uint64_t), std::uint64_t weight) {
    std::uint64_t low = least_shares;
    std::uint64_t high = max_shares + 1;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (weight_of(middle) < weight) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// The requests between two shares, both included.
CpuRange request_between(std::uint64_t first, std::uint64_t last) {
    return {
        .min = first <= least_shares ? 0 : static_cast<double>(first) / shares_per_cpu,
        .max = last >= max_shares ? std::numeric_limits<double>::infinity()
                                  : static_cast<double>(last + 1) / shares_per_cpu,
    };
}

bool agrees(const CpuRange& range, double cpus) { return range.min <= cpus && cpus <= range.max; }

}  // namespace

CpuRange request_of_shares(std::uint64_t shares) {
    const std::uint64_t known = std::clamp(shares, least_shares, max_shares);
    return request_between(known, known);
}

CpuRange request_of_weight(std::uint64_t weight, const std::optional<double>& quota) {
    const std::uint64_t known = std::clamp<std::uint64_t>(weight, 1, 10000);
    auto range_by = [&](std::uint64_t (*weight_of)(std::uint64_t)) {
        const std::uint64_t first = std::min(least_with(weight_of, known), max_shares);
        const std::uint64_t last = least_with(weight_of, known + 1) - 1;
        // A weight that the formula jumps over stands for what is next to it.
        return request_between(first, std::max(first, std::min(last, max_shares)));
    };
    const CpuRange line = range_by(weight_by_line);
    const CpuRange curve = range_by(weight_by_curve);
    if (quota && agrees(line, *quota) != agrees(curve, *quota)) {
        return agrees(line, *quota) ? line : curve;
    }
    return {.min = std::min(line.min, curve.min), .max = std::max(line.max, curve.max)};
}

}  // namespace fluxpod
