// SPDX-License-Identifier: Apache-2.0
// The one way to a certificate, for every command that needs one.
#pragma once

#include <optional>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// Reads the certificate, or derives it from the shared secret; nullopt if the plan has none. Error
// 14, also for a certificate that Flux would refuse at its start since its group or others may read
// it. That is accepted if nobody here could have narrowed its mode: in a Kubernetes volume or on
// any other read-only mount.
[[nodiscard]] Result<std::optional<CurveCert>> obtain_certificate(const CertPlan& plan);

}  // namespace fluxpod
