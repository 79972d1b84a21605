// SPDX-License-Identifier: Apache-2.0
// The two errors of an identity: facts that do not fit together, and a setting that is wrong by
// itself.
#pragma once

#include <string>

#include "fluxpod/base/error.hpp"
#include "sourced.hpp"

namespace fluxpod {

// Error 11.
[[nodiscard]] Error misfit(std::string doing, std::string cause, std::string hint);
// Error 10.
[[nodiscard]] Error wrong_setting(const std::string& option, const SourcedName& setting,
                                  std::string cause);

}  // namespace fluxpod
