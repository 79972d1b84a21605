// SPDX-License-Identifier: Apache-2.0
// One CURVE connect to a broker's overlay port: a DEALER with the pod's certificate and libzmq's
// socket monitor, which says how the handshake ended. No message is sent: the broker sees a peer
// come and go, and logs nothing.
//
// What peers look like (libzmq 4.3.4 against flux-core's broker and against others):
//
//   peer                                 monitor, after CONNECTED            verdict
//   broker with this certificate         HANDSHAKE_SUCCEEDED                 accepted
//   broker with another certificate      FAILED_NO_DETAIL: it cannot         wrong_key
//                                        decrypt HELLO and closes
//   broker that does not list our key    FAILED_AUTH 400 (ZAP)               wrong_key
//   peer that cannot prove its key       FAILED_PROTOCOL, cryptographic      wrong_key
//   ZMQ with NULL or PLAIN               FAILED_PROTOCOL, mechanism mismatch not_curve
//   HTTP or SSH that speaks              DISCONNECTED and nothing else       not_curve
//   closes or resets at once             FAILED_NO_DETAIL                    closed
//   broker whose reactor does not run    nothing: ZAP is not answered yet    silent
//   broker that is stopped, or a service nothing                             silent
//   that waits for a request
//   nobody at the port                   CLOSED without CONNECTED            not_connected
//   packets are dropped                  nothing                             not_connected
//
// A broker with another certificate and a peer that just closes look the same to libzmq. So after
// a close without detail, or silence, one more plain TCP connect exchanges the ZMTP greeting
// (ZeroMQ RFC 23), which says in clear whether the peer is a CURVE peer. A broker that closes its
// socket between greeting and WELCOME would still pass for one with another certificate: ask
// again before giving up on it (gates/curve_gate.hpp).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"

namespace fluxpod {

struct HandshakeOutcome {
    enum class Kind {
        accepted,   // the handshake is complete: both sides have proved the key
        wrong_key,  // a CURVE peer that refused our key, or could not prove its own
        not_curve,  // the peer does not speak ZMTP, or speaks it with another mechanism
        closed,  // connected, then closed before the handshake ended (a broker that is starting or
                 // ending)
        not_connected,  // TCP did not connect
        silent,         // connected, and nothing came until the time was up
        own_fault,      // this pod could not try (base/own_fault.hpp)
    };
    Kind kind = Kind::not_connected;
    std::string detail;  // what came back, in words, without times or addresses
    int own_fault = 0;   // the errno of kind own_fault
};

// Never throws but on cancellation; ends at `give_up`. `address` is numeric: libzmq resolves
// nothing.
[[nodiscard]] Task<HandshakeOutcome> curve_handshake(asio::ip::tcp::endpoint address,
                                                     const CurveCert& cert, Clock& clock,
                                                     TimePoint give_up);

// "tcp://10.244.1.4:8050", "tcp://[fd00::4]:8050": as libzmq takes it.
[[nodiscard]] std::string zmq_endpoint(const asio::ip::tcp::endpoint& address);

}  // namespace fluxpod
