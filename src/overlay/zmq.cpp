// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/zmq.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <zmq.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <latch>
#include <system_error>
#include <thread>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/own_fault.hpp"
#include "fluxpod/base/secret.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t z85_length = 40;
constexpr std::size_t key_length = 32;

tl::unexpected<ZmqFailure> failed() {
    const int number = ::zmq_errno();
    return tl::unexpected<ZmqFailure>({::zmq_strerror(number), is_own_fault(number) ? number : 0});
}

tl::unexpected<ZmqFailure> lacks(std::string_view what, int error_number) {
    return tl::unexpected<ZmqFailure>(
        {fmt::format("{}: {}", what, describe_errno(error_number)), error_number});
}

// A context with a few sockets takes about ten: an eventfd and an epoll descriptor for each of its
// two threads, an eventfd for itself and for each socket, and the connections.
constexpr std::size_t descriptors_for_a_context = 24;
constexpr std::ptrdiff_t threads_of_a_context = 2;

// 0, or the errno that says why there are too few.
int descriptors_fault() {
    std::array<Fd, descriptors_for_a_context> probes;
    for (auto& probe : probes) {
        probe = Fd(::eventfd(0, EFD_CLOEXEC));
        if (!probe.valid()) return errno;
    }
    return 0;
}

// The same of threads. A seccomp profile that does not know clone3(2) denies it with EPERM, and
// then no program of this pod can start a thread.
int threads_fault() {
    // All are held at once; an early end releases those that were started.
    std::latch release(1);
    std::array<std::thread, threads_of_a_context> probes;
    int fault = 0;
    try {
        for (auto& probe : probes) probe = std::thread([&release] { release.wait(); });
    } catch (const std::system_error& failure) {
        fault = failure.code().value();
    }
    release.count_down();
    for (auto& probe : probes) {
        if (probe.joinable()) probe.join();
    }
    return fault;
}

// Owns a zmq_msg_t.
class Frame {
  public:
    Frame() { ::zmq_msg_init(&message_); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
    ~Frame() { ::zmq_msg_close(&message_); }
    zmq_msg_t* get() { return &message_; }
    std::string text() {
        return {static_cast<const char*>(::zmq_msg_data(&message_)), ::zmq_msg_size(&message_)};
    }
    bool more() { return ::zmq_msg_more(&message_) != 0; }

  private:
    zmq_msg_t message_{};
};

ZmqResult<void> set_key_pair(void* socket, const CurveCert& cert) {
    // Decoded here, since libzmq would make an intermediate string of the text and not wipe it.
    if (cert.secret_key().size() != z85_length) {
        return tl::unexpected<ZmqFailure>({"the secret key is not 40 characters of Z85"});
    }
    SecretBytes text(z85_length + 1);
    std::memcpy(text.writable().data(), cert.secret_key().view().data(), z85_length);
    text.writable()[z85_length] = 0;
    SecretBytes binary(key_length);
    if (::zmq_z85_decode(binary.writable().data(), exposed_text(text).data()) == nullptr) {
        return failed();
    }

    const std::string& key = cert.public_key();
    if (::zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, key.c_str(), key.size() + 1) != 0 ||
        ::zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, binary.view().data(), key_length) != 0) {
        return failed();
    }
    return {};
}

}  // namespace

ZmqResult<std::unique_ptr<ZmqContext>> ZmqContext::create() {
    if (const int fault = descriptors_fault(); fault != 0) {
        return lacks("too few file descriptors are left for ZeroMQ", fault);
    }
    if (const int fault = threads_fault(); fault != 0) {
        return lacks("ZeroMQ's threads cannot be started", fault);
    }
    void* context = ::zmq_ctx_new();
    if (context == nullptr) return failed();
    return std::unique_ptr<ZmqContext>(new ZmqContext(context));
}

ZmqContext::~ZmqContext() {
    while (::zmq_ctx_term(context_) != 0 && ::zmq_errno() == EINTR) {
    }
}

ZmqResult<std::unique_ptr<ZmqSocket>> ZmqSocket::open(ZmqContext& context, int type,
                                                      const asio::any_io_executor& executor) {
    void* raw = ::zmq_socket(context.get(), type);
    if (raw == nullptr) return failed();
    int descriptor = -1;
    std::size_t size = sizeof descriptor;
    if (::zmq_getsockopt(raw, ZMQ_FD, &descriptor, &size) != 0) {
        auto error = failed();
        ::zmq_close(raw);
        return error;
    }
    asio::posix::stream_descriptor readable(executor);
    boost::system::error_code error;
    readable.assign(descriptor, error);
    if (error) {
        ::zmq_close(raw);
        return lacks("no descriptor of ZeroMQ's can be watched", error.value());
    }
    std::unique_ptr<ZmqSocket> socket(new ZmqSocket(raw, std::move(readable)));
    socket->set(ZMQ_LINGER, 0);
    ::zmq_setsockopt(raw, ZMQ_MAXMSGSIZE, &max_bytes_in_frame, sizeof max_bytes_in_frame);
    return socket;
}

ZmqSocket::~ZmqSocket() {
    readable_.release();
    ::zmq_close(socket_);
}

ZmqResult<void> ZmqSocket::bind(const std::string& endpoint, bool ipv6) {
    // Only where it is needed: an IPv6 socket for an IPv4 address fails where IPv6 is switched off.
    set(ZMQ_IPV6, ipv6 || endpoint.find('[') != std::string::npos ? 1 : 0);
    if (::zmq_bind(socket_, endpoint.c_str()) != 0) return failed();
    return {};
}

ZmqResult<void> ZmqSocket::connect(const std::string& endpoint) {
    set(ZMQ_IPV6, endpoint.find('[') != std::string::npos ? 1 : 0);
    if (::zmq_connect(socket_, endpoint.c_str()) != 0) return failed();
    return {};
}

ZmqResult<void> ZmqSocket::use_curve_client(const CurveCert& cert) {
    const std::string& key = cert.public_key();
    if (::zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, key.c_str(), key.size() + 1) != 0) {
        return failed();
    }
    return set_key_pair(socket_, cert);
}

ZmqResult<void> ZmqSocket::use_curve_server(const CurveCert& cert, const std::string& zap_domain) {
    set(ZMQ_CURVE_SERVER, 1);
    if (::zmq_setsockopt(socket_, ZMQ_ZAP_DOMAIN, zap_domain.data(), zap_domain.size()) != 0) {
        return failed();
    }
    return set_key_pair(socket_, cert);
}

void ZmqSocket::set(int option, int value) {
    ::zmq_setsockopt(socket_, option, &value, sizeof value);
}

std::string ZmqSocket::last_endpoint() const {
    std::array<char, 256> text{};
    std::size_t size = text.size();
    if (::zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size) != 0) return {};
    return text.data();
}

ZmqResult<void> ZmqSocket::send(const Message& message) {
    for (std::size_t i = 0; i < message.size(); ++i) {
        const int flags = ZMQ_DONTWAIT | (i + 1 < message.size() ? ZMQ_SNDMORE : 0);
        while (::zmq_send(socket_, message[i].data(), message[i].size(), flags) < 0) {
            if (::zmq_errno() != EINTR) return failed();
        }
    }
    // ZMQ_FD is edge-triggered and sending may have taken the edge that a waiting receive needs.
    int events = 0;
    std::size_t size = sizeof events;
    const bool known = ::zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) == 0;
    if (known && (events & ZMQ_POLLIN) != 0) readable_.cancel();
    return {};
}

std::optional<ZmqSocket::Message> ZmqSocket::try_receive() {
    Message message;
    for (bool more = true; more;) {
        Frame frame;
        while (::zmq_msg_recv(frame.get(), socket_, ZMQ_DONTWAIT) < 0) {
            if (::zmq_errno() == EAGAIN) return std::nullopt;
            if (::zmq_errno() != EINTR) {
                throw std::system_error(::zmq_errno(), std::generic_category(), "zmq_msg_recv");
            }
        }
        if (message.size() < max_frames) message.push_back(frame.text());
        more = frame.more();
    }
    return message;
}

Task<ZmqSocket::Message> ZmqSocket::receive() {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    for (;;) {
        // A failed try has read all of libzmq's signals, so that the descriptor is a fresh edge.
        if (auto message = try_receive()) co_return std::move(*message);
        auto [error] =
            co_await readable_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
        const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
        const bool woken_by_send =
            error == asio::error::operation_aborted && cancelled == asio::cancellation_type::none;
        if (error && !woken_by_send) throw boost::system::system_error(error);
    }
}

ZmqResult<std::unique_ptr<ZmqMonitor>> ZmqMonitor::watch(ZmqContext& context,
                                                         const ZmqSocket& socket,
                                                         const asio::any_io_executor& executor) {
    static constexpr auto* where = "inproc://monitor";
    if (::zmq_socket_monitor(socket.get(), where, ZMQ_EVENT_ALL) != 0) return failed();
    auto events = ZmqSocket::open(context, ZMQ_PAIR, executor);
    if (!events) return tl::unexpected(events.error());
    if (auto connected = (*events)->connect(where); !connected) {
        return tl::unexpected(connected.error());
    }
    return std::unique_ptr<ZmqMonitor>(new ZmqMonitor(std::move(*events)));
}

Task<ZmqMonitor::Event> ZmqMonitor::next() {
    const auto message = co_await events_->receive();
    // Frame 0: 16 bits of event and 32 bits of value in this machine's order; frame 1: an endpoint.
    std::uint16_t what = 0;
    Event event;
    if (!message.empty() && message[0].size() == sizeof what + sizeof event.value) {
        std::memcpy(&what, message[0].data(), sizeof what);
        std::memcpy(&event.value, message[0].data() + sizeof what, sizeof event.value);
    }
    event.what = what;
    co_return event;
}

}  // namespace fluxpod
