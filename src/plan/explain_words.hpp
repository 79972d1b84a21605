// SPDX-License-Identifier: Apache-2.0
// What the explanation for people and the one for programs have in common
// (fluxpod/plan/explain.hpp).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/formats/idset.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

[[nodiscard]] std::string_view name_of(WaitUntil until);          // "dns", "tcp", "curve"
[[nodiscard]] std::string_view name_of(CertPlan::Source source);  // "none", "file", "secret"
[[nodiscard]] std::string octal(mode_t mode);                     // "0755"
[[nodiscard]] Idset children_of(const Plan& plan);                // ranks

// Returns path and mode of each file that the Plan has written.
[[nodiscard]] std::vector<std::pair<std::string, mode_t>> files_of(const Plan& plan);

}  // namespace fluxpod
