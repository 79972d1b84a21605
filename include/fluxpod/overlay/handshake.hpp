// SPDX-License-Identifier: Apache-2.0
// One CURVE connect to a broker's overlay port: a DEALER with the pod's certificate and libzmq's
// socket monitor, which says how the handshake ended. No message is sent: the broker sees a peer
// come and go.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"

namespace fluxpod {

struct HandshakeOutcome {
    enum class Verdict {
        accepted,   // ZMQ_EVENT_HANDSHAKE_SUCCEEDED
        wrong_key,  // ZMTP CURVE, but the peer (or its ZAP handler) refused our key, or could not
                    // prove its own
        not_curve,  // the peer does not speak ZMTP, or speaks it with another mechanism
        closed,  // connected, then closed before the handshake ended (a broker that is starting or
                 // ending)
        not_connected,  // TCP did not connect
        silent,         // connected, and nothing came until the time was up
    };
    Verdict verdict = Verdict::silent;
    std::string detail;  // what libzmq said, in words
};

// Never throws but on cancellation; ends at `give_up`. `address` is numeric: libzmq resolves
// nothing.
[[nodiscard]] Task<HandshakeOutcome> curve_handshake(asio::ip::tcp::endpoint address,
                                                     const CurveCert& cert, Clock& clock,
                                                     TimePoint give_up);

}  // namespace fluxpod
