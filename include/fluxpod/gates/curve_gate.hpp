// SPDX-License-Identifier: Apache-2.0
// One CURVE handshake with the route's answered endpoint (overlay/handshake.hpp). A wrong key or a
// peer that is not CURVE is "never": no retry mends a certificate.
#pragma once

#include <memory>

#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

// `cert` must outlive the gate.
[[nodiscard]] std::unique_ptr<Gate> make_curve_gate(Route& route, const CurveCert& cert,
                                                    Clock& clock,
                                                    Duration timeout = std::chrono::seconds(2));

}  // namespace fluxpod
