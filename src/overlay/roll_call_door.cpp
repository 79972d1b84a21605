// SPDX-License-Identifier: Apache-2.0
#include "roll_call_door.hpp"

#include <zmq.h>

#include <array>
#include <cstdint>
#include <utility>

#include "fluxpod/overlay/handshake.hpp"

namespace fluxpod {

namespace {

constexpr const char* zap_domain = "fluxpod";

}  // namespace

std::string bind_endpoint(const Plan& plan) {
    const std::uint16_t port = plan.broker.default_port;
    if (plan.bind.address) return zmq_endpoint({*plan.bind.address, port});
    std::string endpoint = plan.bind.endpoint;
    if (const auto place = endpoint.find("%p"); place != std::string::npos) {
        endpoint.replace(place, 2, std::to_string(port));
    }
    return endpoint;
}

ZmqResult<RollCallDoor> RollCallDoor::open(ZmqContext& context, const CurveCert& cert,
                                           const std::string& endpoint, bool ipv6,
                                           const asio::any_io_executor& executor) {
    RollCallDoor door;
    std::array<std::uint8_t, 32> key{};
    if (::zmq_z85_decode(key.data(), cert.public_key().c_str()) == nullptr) {
        return tl::unexpected<ZmqFailure>({"the public key is not Z85"});
    }
    door.key_.assign(key.begin(), key.end());

    // libzmq asks this address about every peer; it must be there before the first one is.
    auto zap = ZmqSocket::open(context, ZMQ_REP, executor);
    if (!zap) return tl::unexpected(zap.error());
    if (auto bound = (*zap)->bind("inproc://zeromq.zap.01"); !bound) {
        return tl::unexpected(bound.error());
    }
    auto children = ZmqSocket::open(context, ZMQ_ROUTER, executor);
    if (!children) return tl::unexpected(children.error());
    auto monitor = ZmqMonitor::watch(context, **children, executor);
    if (!monitor) return tl::unexpected(monitor.error());
    if (auto keyed = (*children)->use_curve_server(cert, zap_domain); !keyed) {
        return tl::unexpected(keyed.error());
    }
    (*children)->set(ZMQ_ROUTER_MANDATORY, 1);  // a child that is gone is an error, not silence
    if (auto bound = (*children)->bind(endpoint, ipv6); !bound) {
        return tl::unexpected(bound.error());
    }
    door.zap_ = std::move(*zap);
    door.children_ = std::move(*children);
    door.monitor_ = std::move(*monitor);
    return door;
}

Task<void> RollCallDoor::guard(std::function<void()> refused) {
    co_await (answer_zap(refused) || count_refusals(refused));
}

// ZAP (ZeroMQ RFC 27): version, id, domain, address, identity, mechanism, client key.
Task<void> RollCallDoor::answer_zap(const std::function<void()>& refused) {
    for (;;) {
        const auto request = co_await zap_->receive();
        const std::string id = request.size() > 1 ? request[1] : "";
        const bool known = request.size() == 7 && request[5] == "CURVE" && request[6] == key_;
        if (!known) refused();
        static_cast<void>(
            zap_->send({"1.0", id, known ? "200" : "400", known ? "OK" : "No access", "", ""}));
    }
}

// A peer that takes our key for the server's fails in ZAP; one that has another certificate
// altogether sends what cannot be decrypted. A TCP probe that comes and goes is neither.
Task<void> RollCallDoor::count_refusals(const std::function<void()>& refused) {
    for (;;) {
        const auto event = co_await monitor_->next();
        if (event.what == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL &&
            event.value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC) {
            refused();
        }
    }
}

}  // namespace fluxpod
