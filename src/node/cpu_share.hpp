// SPDX-License-Identifier: Apache-2.0
// What the node rule compares: the CPUs that Flux counts for this pod, the ceiling that its limits
// set, and what it requests. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fluxpod/node/node_rule.hpp"

namespace fluxpod {

// "1 CPU", "1.5 CPUs", "2 CPUs": at most three digits after the point.
[[nodiscard]] std::string cpus_in_words(double count);
// "1 core", "2 cores".
[[nodiscard]] std::string cores_in_words(std::uint32_t count);

// What Flux would count.
struct Count {
    std::uint32_t cores = 0;
    double cpus = 0;
    [[nodiscard]] std::string text() const;  // "2 cores (4 CPUs)"
};
// A declared R is what Flux counts; its cores have as many CPUs as this node's.
[[nodiscard]] Count counted_by_flux(const NodeFacts& facts);

// The most that the pod may use, and who says so.
struct Ceiling {
    double cpus = 0;
    std::string origin;
};

// nullopt if nothing limits the pod.
[[nodiscard]] std::optional<Ceiling> ceiling_of(const NodeFacts& facts);

// Returns the pod's request, or nullopt if it is not known. Outside of Kubernetes nobody need have
// set the weight, and the kernel's default is not a request.
[[nodiscard]] std::optional<CpuRange> request_of(const NodeFacts& facts);

// Returns what is left of `count` CPUs without `reserve` percent.
[[nodiscard]] double without_reserve(double count, std::uint32_t reserve);

// Whole CPUs that the ceiling gives, at least one. nullopt if it gives all that the pod may run on.
[[nodiscard]] std::optional<std::uint32_t> cpus_of_share(const NodeFacts& facts,
                                                         std::uint32_t reserve);

}  // namespace fluxpod
