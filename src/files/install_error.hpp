// SPDX-License-Identifier: Apache-2.0
// The error of a failed installation, with advice for the person who mounts the volume.
#pragma once

#include <string>

#include "fluxpod/base/error.hpp"

namespace fluxpod {

// Error 13. Without a cause in words it is the errno's text.
[[nodiscard]] Error install_error(std::string doing, std::string subject, int error_number,
                                  std::string cause = "");

}  // namespace fluxpod
