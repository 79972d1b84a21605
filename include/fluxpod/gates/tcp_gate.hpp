// SPDX-License-Identifier: Apache-2.0
// Connects to the route's addresses, raced, each on a fresh socket with its own short timeout, and
// while one is not answered another every eighth of a second, so that a swallowed SYN never backs
// off. Open at the first that connects; that endpoint goes into the route. Tells refused,
// unreachable, reset and swallowed apart.
#pragma once

#include <memory>
#include <string>

#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

// "10.244.1.4:8050", "[fd00::4]:8050"
[[nodiscard]] std::string describe_endpoint(const asio::ip::tcp::endpoint& endpoint);

struct Connect {
    asio::ip::tcp::endpoint endpoint;
    bool connected = false;
    bool silent = true;  // neither connected nor failed in time
    boost::system::error_code failure;
};
// One try on a fresh socket, begun at `start`; the socket is closed at once.
[[nodiscard]] Task<void> attempt_connect(Connect& connect, Clock& clock, TimePoint start,
                                         TimePoint give_up);
[[nodiscard]] std::string describe(const Connect& connect);  // why it is not connected
// Whether it failed for a reason that says nothing of the peer (base/own_fault.hpp).
[[nodiscard]] bool is_ours(const Connect& connect);

[[nodiscard]] std::unique_ptr<Gate> make_tcp_gate(
    Route& route, Clock& clock, Duration timeout = std::chrono::milliseconds(500));

}  // namespace fluxpod
