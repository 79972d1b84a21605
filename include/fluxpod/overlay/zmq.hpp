// SPDX-License-Identifier: Apache-2.0
// ZeroMQ sockets that are owned and can be awaited from Asio. A context starts libzmq's I/O
// threads, so it lives only as long as an attempt or a roll call.
//
// Thread-safety: one thread, that of the io_context, uses a socket.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"

namespace fluxpod {

class ZmqContext {
  public:
    ZmqContext();
    ~ZmqContext();  // closes without lingering: never blocks on a peer
    ZmqContext(const ZmqContext&) = delete;
    ZmqContext& operator=(const ZmqContext&) = delete;
    [[nodiscard]] void* get() const { return context_; }

  private:
    void* context_;
};

class ZmqSocket {
  public:
    using Message = std::vector<std::string>;  // frames

    // `type` is ZMQ_DEALER, ZMQ_ROUTER, ZMQ_PAIR, ZMQ_REP. Linger is 0; IPv6 is on.
    ZmqSocket(ZmqContext& context, int type, asio::any_io_executor executor);
    ~ZmqSocket();
    ZmqSocket(ZmqSocket&&) = delete;

    // Errors are the cause in words, of zmq_strerror.
    tl::expected<void, std::string> bind(const std::string& endpoint);
    tl::expected<void, std::string> connect(const std::string& endpoint);
    // CURVE (ZeroMQ RFC 26): all ranks share the certificate, so a client names its own public key
    // as the server's.
    void use_curve_client(const CurveCert& cert);
    void use_curve_server(const CurveCert& cert, const std::string& zap_domain);
    void set(int option, int value);
    void set(int option, const std::string& value);
    [[nodiscard]] std::string last_endpoint() const;

    tl::expected<void, std::string> send(const Message& message);  // never blocks: full is an error
    [[nodiscard]] Task<Message> receive();                         // whole messages; cancellable
    [[nodiscard]] void* get() const { return socket_; }

  private:
    std::optional<Message> try_receive();
    void* socket_;
    asio::posix::stream_descriptor readable_;  // ZMQ_FD, borrowed: released, not closed, at the end
};

}  // namespace fluxpod
