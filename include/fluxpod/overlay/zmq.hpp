// SPDX-License-Identifier: Apache-2.0
// ZeroMQ sockets that are owned and can be awaited from Asio. A context starts libzmq's I/O
// threads, so it lives only as long as an attempt or a roll call.
//
// libzmq (4.3) ends the process by abort(3) where it cannot get an epoll descriptor or a thread.
// ZmqContext::create looks for both first and says so as an error instead; what other processes
// of the pod take between the look and the use cannot be guarded. All of libzmq's descriptors are
// close-on-exec and its threads block all signals.
//
// Thread-safety: one thread, that of the io_context, uses a socket.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"

namespace fluxpod {

struct ZmqFailure {
    std::string cause;  // in words
    int own_fault = 0;  // an errno, if the cause is this pod's own (base/own_fault.hpp)
};
template <class T>
using ZmqResult = tl::expected<T, ZmqFailure>;

class ZmqContext {
  public:
    static ZmqResult<std::unique_ptr<ZmqContext>> create();
    // All sockets are closed before. Blocks only as long as their linger, which is 0 unless set.
    ~ZmqContext();
    ZmqContext(const ZmqContext&) = delete;
    ZmqContext& operator=(const ZmqContext&) = delete;
    [[nodiscard]] void* get() const { return context_; }

  private:
    explicit ZmqContext(void* context) : context_(context) {}
    void* context_;
};

class ZmqSocket {
  public:
    using Message = std::vector<std::string>;  // frames
    // Peers that hold the key may still be broken: larger frames end their connection, and of a
    // message with more frames the rest is dropped.
    static constexpr std::int64_t max_bytes_in_frame = std::int64_t{1} << 16U;
    static constexpr std::size_t max_frames = 8;

    // `type` is ZMQ_DEALER, ZMQ_ROUTER, ZMQ_PAIR, ZMQ_REP. Linger is 0.
    static ZmqResult<std::unique_ptr<ZmqSocket>> open(ZmqContext& context, int type,
                                                      const asio::any_io_executor& executor);
    ~ZmqSocket();
    ZmqSocket(const ZmqSocket&) = delete;
    ZmqSocket& operator=(const ZmqSocket&) = delete;

    // Numeric addresses, IPv6 in brackets; bind takes an interface's name as well.
    // `ipv6` makes an endpoint of all interfaces serve both families.
    ZmqResult<void> bind(const std::string& endpoint, bool ipv6 = false);
    ZmqResult<void> connect(const std::string& endpoint);
    // CURVE (ZeroMQ RFC 26): all ranks share the certificate, so a client names its own public key
    // as the server's.
    ZmqResult<void> use_curve_client(const CurveCert& cert);
    ZmqResult<void> use_curve_server(const CurveCert& cert, const std::string& zap_domain);
    void set(int option, int value);  // an option that libzmq knows and a value it takes
    [[nodiscard]] std::string last_endpoint() const;

    ZmqResult<void> send(const Message& message);  // never blocks: full is an error
    // A whole message; cancellable. One receive at a time. Others get a turn between two messages,
    // so that a flood of them starves no timer.
    [[nodiscard]] Task<Message> receive();
    [[nodiscard]] void* get() const { return socket_; }

  private:
    ZmqSocket(void* socket, asio::posix::stream_descriptor readable)
        : socket_(socket), readable_(std::move(readable)) {}
    std::optional<Message> try_receive();
    void* socket_;
    asio::posix::stream_descriptor readable_;  // ZMQ_FD, borrowed: released, not closed, at the end
};

// What happens to a socket's connections, zmq_socket_monitor(3).
class ZmqMonitor {
  public:
    struct Event {
        unsigned what = 0;  // ZMQ_EVENT_*
        std::uint32_t value = 0;
    };
    // One monitor in a context; before the socket connects or binds, so that nothing is missed.
    static ZmqResult<std::unique_ptr<ZmqMonitor>> watch(ZmqContext& context,
                                                        const ZmqSocket& socket,
                                                        const asio::any_io_executor& executor);
    [[nodiscard]] Task<Event> next();

  private:
    explicit ZmqMonitor(std::unique_ptr<ZmqSocket> events) : events_(std::move(events)) {}
    std::unique_ptr<ZmqSocket> events_;
};

}  // namespace fluxpod
