// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/handshake.hpp"

#include <fmt/format.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <string_view>
#include <utility>

#include "fluxpod/overlay/zmq.hpp"

namespace fluxpod {

namespace {

using Handshake = HandshakeOutcome::Kind;

// ZAP (ZeroMQ RFC 27): 400 is a verdict on the key; 300 and 500 are troubles of the handler.
HandshakeOutcome refused_by_zap(std::uint32_t status) {
    if (status == 400) return {Handshake::wrong_key, "it does not accept this certificate's key"};
    return {Handshake::closed, fmt::format("its authentication answered {}", status)};
}

HandshakeOutcome protocol_failure(std::uint32_t error) {
    switch (error) {
        case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            return {Handshake::not_curve, "it speaks ZeroMQ without CURVE"};
        case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
            return {Handshake::wrong_key, "it cannot prove that it holds this certificate's key"};
        default:
            return {Handshake::not_curve,
                    fmt::format("it breaks the ZeroMQ protocol (error {:#x})", error)};
    }
}

std::string describe_close(std::uint32_t error) {
    // EPIPE is libzmq's word for the end of the stream.
    if (error == 0 || error == EPIPE) return "it closed the connection";
    return "the connection ended: " + describe_errno(static_cast<int>(error));
}

// Ends when the handshake has ended one way or the other. `so_far` is what is known if the caller
// cancels before.
Task<HandshakeOutcome> follow_handshake(ZmqMonitor& monitor, HandshakeOutcome& so_far) {
    for (;;) {
        const auto event = co_await monitor.next();
        switch (event.what) {
            case ZMQ_EVENT_CONNECTED:
                so_far = {Handshake::silent, "it took the connection and says nothing"};
                break;
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: co_return HandshakeOutcome{Handshake::accepted, ""};
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: co_return refused_by_zap(event.value);
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: co_return protocol_failure(event.value);
            case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                co_return HandshakeOutcome{Handshake::closed, describe_close(event.value)};
            case ZMQ_EVENT_DISCONNECTED:
                // libzmq drops a peer whose first byte is not ZMTP's without a failure event.
                co_return HandshakeOutcome{Handshake::not_curve, "what it says is not ZeroMQ"};
            case ZMQ_EVENT_CLOSED:
            case ZMQ_EVENT_CONNECT_RETRIED:
                co_return HandshakeOutcome{Handshake::not_connected, "TCP did not connect"};
            default: break;
        }
    }
}

// The verdict of libzmq alone, or what was known when `until` came.
Task<HandshakeOutcome> shake_hands(const asio::ip::tcp::endpoint& address, const CurveCert& cert,
                                   Clock& clock, TimePoint until) {
    auto local_fault = [](const ZmqFailure& failure) {
        const auto verdict =
            failure.own_fault != 0 ? Handshake::own_fault : Handshake::not_connected;
        return HandshakeOutcome{verdict, "no ZeroMQ socket here: " + failure.cause,
                                failure.own_fault};
    };
    const auto executor = co_await asio::this_coro::executor;
    auto context = ZmqContext::create();
    if (!context) co_return local_fault(context.error());
    auto socket = ZmqSocket::open(**context, ZMQ_DEALER, executor);
    if (!socket) co_return local_fault(socket.error());
    auto monitor = ZmqMonitor::watch(**context, **socket, executor);
    if (!monitor) co_return local_fault(monitor.error());
    if (auto keyed = (*socket)->use_curve_client(cert); !keyed) {
        co_return local_fault(keyed.error());
    }
    (*socket)->set(ZMQ_RECONNECT_IVL, -1);  // one attempt is one connect
    (*socket)->set(ZMQ_HANDSHAKE_IVL, 0);   // the deadline is ours
    if (auto connected = (*socket)->connect(zmq_endpoint(address)); !connected) {
        co_return local_fault(connected.error());
    }

    HandshakeOutcome outcome{Handshake::not_connected, "TCP did not connect in time"};
    auto first = co_await (follow_handshake(**monitor, outcome) || clock.sleep_until(until));
    if (auto* ended = std::get_if<0>(&first)) outcome = std::move(*ended);
    co_return outcome;
}

// ZMTP 3.1 greeting (ZeroMQ RFC 23): signature, version, mechanism, and more that does not matter
// here. Once a peer has our signature and version it says all of its own greeting; if it had our
// mechanism too and did not like it, libzmq would close without saying its own.
constexpr std::array<char, 12> our_greeting{'\xff', 0, 0, 0, 0, 0, 0, 0, 1, '\x7f', 3, 1};
constexpr std::size_t mechanism_length = 20;

// What of a peer's greeting has come, as far as the mechanism's end.
struct Greeting {
    std::array<char, our_greeting.size() + mechanism_length> bytes{};
    std::size_t count = 0;
};

enum class Speaker { nobody, foreign, other_mechanism, curve };

Speaker judge_greeting(const Greeting& greeting) {
    if (greeting.count == 0) return Speaker::nobody;
    if (greeting.bytes[0] != our_greeting[0]) return Speaker::foreign;
    if (greeting.count < greeting.bytes.size()) return Speaker::nobody;
    const std::string_view field(&greeting.bytes[our_greeting.size()], mechanism_length);
    return field.substr(0, field.find('\0')) == "CURVE" ? Speaker::curve : Speaker::other_mechanism;
}

// Reads as far as the mechanism or the peer's end; the caller bounds the time and looks at
// `greeting` in any case.
Task<void> exchange_greetings(const asio::ip::tcp::endpoint& address, Greeting& greeting) {
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    auto [not_connected] = co_await socket.async_connect(address, as_result);
    if (not_connected) co_return;
    // Whether this was sent does not matter: what a peer said before it closed still counts.
    co_await asio::async_write(socket, asio::buffer(our_greeting), as_result);
    while (greeting.count < greeting.bytes.size()) {
        auto [ended, count] = co_await socket.async_read_some(
            asio::buffer(greeting.bytes) + greeting.count, as_result);
        if (ended) co_return;
        greeting.count += count;
    }
}

// What the greeting adds to a verdict that libzmq left open.
HandshakeOutcome refine(HandshakeOutcome outcome, Speaker speaker) {
    switch (speaker) {
        case Speaker::nobody: return outcome;
        case Speaker::foreign: return {Handshake::not_curve, "what it says is not ZeroMQ"};
        case Speaker::other_mechanism:
            return {Handshake::not_curve, "it speaks ZeroMQ without CURVE"};
        case Speaker::curve: break;
    }
    if (outcome.kind == Handshake::silent) {
        return {Handshake::silent,
                "it greets as a CURVE peer and then says nothing, as a broker that is starting"};
    }
    return {Handshake::wrong_key, "it is a CURVE peer with another certificate"};
}

}  // namespace

std::string zmq_endpoint(const asio::ip::tcp::endpoint& address) {
    const auto host = address.address().to_string();
    return fmt::format("tcp://{}:{}", address.address().is_v6() ? "[" + host + "]" : host,
                       address.port());
}

Task<HandshakeOutcome> curve_handshake(asio::ip::tcp::endpoint address, const CurveCert& cert,
                                       Clock& clock, TimePoint give_up) {
    // Keeps a little of a silent peer's time for the greeting.
    const Duration whole = std::max(give_up - clock.now(), Duration::zero());
    const Duration kept = std::min<Duration>(whole / 4, std::chrono::milliseconds(250));
    auto outcome = co_await shake_hands(address, cert, clock, give_up - kept);
    if (outcome.kind != Handshake::closed && outcome.kind != Handshake::silent) {
        co_return outcome;
    }
    Greeting greeting;
    co_await (exchange_greetings(address, greeting) || clock.sleep_until(give_up));
    co_return refine(std::move(outcome), judge_greeting(greeting));
}

}  // namespace fluxpod
