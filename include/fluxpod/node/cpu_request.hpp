// SPDX-License-Identifier: Apache-2.0
// The CPU request of a container, as its cgroup shows it: Kubernetes and the runtimes write no
// request there but a share (cgroup v1) or a weight (v2), and both round. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace fluxpod {

// CPUs between two bounds: a cgroup v2 weight stands for more than one request.
struct CpuRange {
    double min = 0;
    double max = 0;
    bool operator==(const CpuRange&) const = default;
};

// The requests that a cpu.shares (cgroup v1) stands for.
[[nodiscard]] CpuRange request_of_shares(std::uint64_t shares);
// The same for a cpu.weight (v2). Runtimes translate shares by one of two formulas, a straight line
// until 2025 and a curve since; the bounds hold both, unless only one of them agrees with `quota`,
// which equals the request in a pod of the class Guaranteed.
[[nodiscard]] CpuRange request_of_weight(std::uint64_t weight,
                                         const std::optional<double>& quota = {});

}  // namespace fluxpod
