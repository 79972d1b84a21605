// SPDX-License-Identifier: Apache-2.0
// A Plan for people and for programs. No secret is in a Plan, so none can be in here.
#pragma once

#include <string>

#include "fluxpod/plan/plan.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// A screen of text: each decision with its value and the reason or origin.
[[nodiscard]] std::string explain_as_text(const Plan& plan, const Settings& settings);
// The same as one JSON object (documented in fluxpod(1)), newline at the end.
[[nodiscard]] std::string explain_as_json(const Plan& plan, const Settings& settings);

}  // namespace fluxpod
