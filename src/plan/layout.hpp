// SPDX-License-Identifier: Apache-2.0
// Everything below --root: Layout is in fluxpod/plan/plan.hpp.
#pragma once

#include "fluxpod/base/error.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Error 10 if --root is not absolute, or too long for the addresses of Flux's sockets.
[[nodiscard]] Status check_root(const Settings& settings, const Layout& layout);

}  // namespace fluxpod
