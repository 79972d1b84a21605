// SPDX-License-Identifier: Apache-2.0
// Open once a program can be executed: a view that brings it may still be on its way. A file that
// is there and cannot be executed is "never".
#pragma once

#include <memory>
#include <string>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

// `environment` must outlive the gate.
[[nodiscard]] std::unique_ptr<Gate> make_program_gate(std::string argv0,
                                                      const Environment& environment);

}  // namespace fluxpod
