// SPDX-License-Identifier: Apache-2.0
// The side of a rank that faces its children in a roll call: a bound socket, and ZAP (ZeroMQ
// RFC 27), by which libzmq asks about every peer. Only the shared key is let in.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/overlay/zmq.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// Returns where the Plan has its broker bind, in libzmq's spelling.
[[nodiscard]] std::string bind_endpoint(const Plan& plan);

class RollCallDoor {
  public:
    // Binds to `endpoint`. The context must outlive the door.
    static ZmqResult<RollCallDoor> open(ZmqContext& context, const CurveCert& cert,
                                        const std::string& endpoint, bool ipv6,
                                        const asio::any_io_executor& executor);

    // A ROUTER. To send to a child that is gone is an error, not silence.
    [[nodiscard]] ZmqSocket& children() { return *children_; }

    // Lets peers in, which does not work without it, and calls `refused` for each that has another
    // certificate. Never ends by itself; the door must not be moved meanwhile.
    [[nodiscard]] Task<void> guard(std::function<void()> refused);

  private:
    RollCallDoor() = default;
    [[nodiscard]] Task<void> answer_zap(const std::function<void()>& refused);
    [[nodiscard]] Task<void> count_refusals(const std::function<void()>& refused);

    std::unique_ptr<ZmqSocket> zap_;
    std::unique_ptr<ZmqSocket> children_;
    std::unique_ptr<ZmqMonitor> monitor_;
    std::string key_;  // binary, the only one that is let in
};

}  // namespace fluxpod
