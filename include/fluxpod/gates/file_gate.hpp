// SPDX-License-Identifier: Apache-2.0
// One look at a path: open once it exists (of any type; a dangling link does not count).
#pragma once

#include <memory>
#include <string>

#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

[[nodiscard]] std::unique_ptr<Gate> make_file_gate(std::string path);

}  // namespace fluxpod
