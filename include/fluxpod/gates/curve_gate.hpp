// SPDX-License-Identifier: Apache-2.0
// CURVE handshakes with the route's answered endpoint (overlay/handshake.hpp).
//
//   accepted                        open
//   wrong_key, not_curve            never, once it has come three times in a row, a tenth of a
//                                   second apart: a broker that is just going away may look so
//                                   once, and is then gone. Well below a second in all.
//   closed, silent, not_connected   not yet: a broker that is starting or ending
//
// A wrong key is final, although the address may be stale: another cluster's lead may have got the
// address meanwhile. That is rare, and a restart of the pod mends it. A pod whose certificate
// really differs would otherwise wait the whole deadline for a message that could have come at
// once. The advice names both causes.
#pragma once

#include <memory>

#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

// `cert` must outlive the gate. `timeout` bounds one attempt, its repetitions included.
[[nodiscard]] std::unique_ptr<Gate> make_curve_gate(Route& route, const CurveCert& cert,
                                                    Clock& clock,
                                                    Duration timeout = std::chrono::seconds(2));

}  // namespace fluxpod
