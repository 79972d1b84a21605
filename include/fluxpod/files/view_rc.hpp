// SPDX-License-Identifier: Apache-2.0
// Where Flux comes from a view, its brokers and commands find the view's libraries by
// LD_LIBRARY_PATH, and a job inherits the environment of who submits it. This file has Flux's job
// shell take out again what is the view's (flux-shell-initrc(5), FLUX_SHELL_RC_PATH), so that the
// job runs with its image's own libraries. A job that is Flux itself, as of flux batch, keeps it.
#pragma once

#include <string>

#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// In Lua; the plan has a view.
[[nodiscard]] std::string render_view_rc(const Plan& plan);

}  // namespace fluxpod
