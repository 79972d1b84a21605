// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fluxpod {

// A host name as Flux and DNS accept it: labels of 1 to 63 letters, digits and "-", no "-" at an
// edge, 253 characters in all. Returns what is wrong with it, or nothing.
[[nodiscard]] std::optional<std::string> hostname_fault(std::string_view name);

}  // namespace fluxpod
