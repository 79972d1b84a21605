// SPDX-License-Identifier: Apache-2.0
// Peers of a connection test, on loopback, each in a thread of its own until it is destroyed: TCP
// servers of different manners, and ZeroMQ servers with and without CURVE.
#pragma once

#include <zmq.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/overlay/zmq.hpp"

namespace fluxpod::test {

// Returns a port of 127.0.0.1 that was free a moment ago and has no listener.
inline asio::ip::tcp::endpoint free_endpoint() {
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    return acceptor.local_endpoint();
}

// An io_context that runs in a thread of its own.
class Background {
  public:
    Background() = default;
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    ~Background() { stop(); }
    asio::io_context& context() { return context_; }
    void start(Task<void> work) {
        asio::co_spawn(context_, std::move(work), asio::detached);
        thread_ = std::thread([this] { context_.run(); });
    }
    void stop() {
        context_.stop();
        if (thread_.joinable()) thread_.join();
    }

  private:
    asio::io_context context_;
    std::thread thread_;
};

class TcpServer {
  public:
    enum class Then { stay, close, reset };
    // Says `words` to each that connects, and then stays until the peer ends, or ends itself.
    explicit TcpServer(std::string words = "", Then then = Then::stay)
        : acceptor_(background_.context(), {asio::ip::address_v4::loopback(), 0}),
          words_(std::move(words)),
          then_(then) {
        background_.start(serve());
    }
    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;
    ~TcpServer() { background_.stop(); }

    [[nodiscard]] asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
    [[nodiscard]] unsigned connections() const { return connections_; }
    // How many of those have said something.
    [[nodiscard]] unsigned heard() const { return heard_; }

  private:
    Task<void> serve() {
        for (;;) {
            auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
            ++connections_;
            asio::co_spawn(background_.context(), talk(std::move(socket)), asio::detached);
        }
    }
    Task<void> talk(asio::ip::tcp::socket socket) {
        co_await asio::async_write(socket, asio::buffer(words_), as_result);
        if (then_ == Then::reset) socket.set_option(asio::socket_base::linger(true, 0));
        if (then_ != Then::stay) co_return;
        std::array<char, 256> bytes{};
        for (bool first = true;; first = false) {
            auto [error, count] = co_await socket.async_read_some(asio::buffer(bytes), as_result);
            if (error) co_return;
            if (first) ++heard_;
        }
    }

    Background background_;
    asio::ip::tcp::acceptor acceptor_;
    std::string words_;
    Then then_;
    std::atomic<unsigned> connections_{0}, heard_{0};
};

// The 64 bytes with which a ZMTP 3 peer begins (ZeroMQ RFC 23).
inline std::string zmtp_greeting(const std::string& mechanism) {
    std::string bytes("\xff\0\0\0\0\0\0\0\1\x7f\3\1", 12);
    bytes += mechanism;
    bytes.resize(64, '\0');
    bytes[32] = 1;
    return bytes;
}

// A ROUTER as a parent broker has it. Its ZAP handler lets one public key in, or never answers.
class CurveServer {
  public:
    struct Options {
        bool answer_zap = true;
        std::string let_in;  // public key in Z85; empty: the server's own
    };
    explicit CurveServer(const CurveCert& cert) : CurveServer(cert, Options{}) {}
    CurveServer(const CurveCert& cert, Options options) : options_(std::move(options)) {
        if (options_.let_in.empty()) options_.let_in = cert.public_key();
        zap_ = open(ZMQ_REP);
        check(zap_->bind("inproc://zeromq.zap.01"));
        router_ = open(ZMQ_ROUTER);
        check(router_->use_curve_server(cert, "test"));
        bind();
        background_.start(serve_zap());
    }
    // Without a certificate: mechanism NULL.
    CurveServer() {
        router_ = open(ZMQ_ROUTER);
        bind();
    }
    CurveServer(const CurveServer&) = delete;
    CurveServer& operator=(const CurveServer&) = delete;
    ~CurveServer() { background_.stop(); }

    [[nodiscard]] asio::ip::tcp::endpoint endpoint() const { return endpoint_; }
    [[nodiscard]] unsigned zap_requests() const { return zap_requests_; }

  private:
    template <class T>
    static T check(ZmqResult<T> result) {
        if (!result) throw std::runtime_error(result.error().cause);
        if constexpr (!std::is_void_v<T>) return std::move(*result);
    }
    std::unique_ptr<ZmqSocket> open(int type) {
        return check(ZmqSocket::open(*context_, type, background_.context().get_executor()));
    }
    void bind() {
        check(router_->bind("tcp://127.0.0.1:*"));
        const std::string bound = router_->last_endpoint();
        endpoint_ = {asio::ip::address_v4::loopback(),
                     static_cast<std::uint16_t>(std::stoul(bound.substr(bound.rfind(':') + 1)))};
    }
    Task<void> serve_zap() {
        for (;;) {
            const auto request = co_await zap_->receive();
            ++zap_requests_;
            if (!options_.answer_zap) continue;
            std::array<char, 41> key{};
            const auto* binary = reinterpret_cast<const std::uint8_t*>(request.at(6).data());
            ::zmq_z85_encode(key.data(), binary, request.at(6).size());
            const bool known = options_.let_in == key.data();
            static_cast<void>(
                zap_->send({"1.0", request.at(1), known ? "200" : "400", "", "", ""}));
        }
    }

    Options options_;
    Background background_;
    std::unique_ptr<ZmqContext> context_ = check(ZmqContext::create());
    std::unique_ptr<ZmqSocket> zap_, router_;
    asio::ip::tcp::endpoint endpoint_;
    std::atomic<unsigned> zap_requests_{0};
};

// A clock whose every sleep ends a moment after something has happened, whatever the time: for
// tests of a peer that stays silent. Several sleeps end in the order in which `due` lets them.
class ClockUntil final : public Clock {
  public:
    template <class Due>
    explicit ClockUntil(Due due) : due_(std::move(due)) {}
    [[nodiscard]] TimePoint now() const override { return now_; }
    [[nodiscard]] Task<void> sleep_until(TimePoint when) override {
        const unsigned sleep = ++sleeps_;
        // What has happened may still be on its way to who waits for it: three looks more.
        for (int looks = 0; looks < 3; looks += due_(sleep) ? 1 : 0) {
            co_await real_.sleep_until(real_.now() + std::chrono::milliseconds(1));
        }
        now_ = std::max(now_, when);
    }

  private:
    std::function<bool(unsigned sleep)> due_;  // counted from 1
    SteadyClock real_;
    TimePoint now_{std::chrono::hours(1)};
    unsigned sleeps_ = 0;
};

}  // namespace fluxpod::test
