// SPDX-License-Identifier: Apache-2.0
// Returns the path of test/data/NAME in the source tree that this program was compiled from.
#pragma once

#include <string>

namespace fluxpod {

[[nodiscard]] std::string test_data(const std::string& name);

}  // namespace fluxpod
