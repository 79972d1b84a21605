// SPDX-License-Identifier: Apache-2.0
// One connect to the route's addresses, raced, each on a fresh socket with its own short timeout,
// so that a swallowed SYN never backs off. Open at the first that connects; that endpoint goes into
// the route. Tells refused, unreachable and swallowed apart.
#pragma once

#include <memory>

#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

[[nodiscard]] std::unique_ptr<Gate> make_tcp_gate(
    Route& route, Clock& clock, Duration timeout = std::chrono::milliseconds(500));

}  // namespace fluxpod
