// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/pulse.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/supervise/local_socket.hpp"

namespace fluxpod {

namespace {

using asio::local::stream_protocol;
using boost::system::error_code;

// Out of descriptors, say: the next try comes then.
constexpr auto after_failed_accept = std::chrono::seconds(1);

error_code listen_on(stream_protocol::acceptor& acceptor, const std::string& path) {
    (void)::unlink(path.c_str());
    error_code error;
    if (!error) acceptor.open(stream_protocol(), error);
    if (!error) acceptor.bind(stream_protocol::endpoint(path), error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
}

// A socket that nobody listens on any more is not left behind.
class SocketName {
  public:
    explicit SocketName(const std::string& path) : path_(path) {}
    SocketName(const SocketName&) = delete;
    SocketName& operator=(const SocketName&) = delete;
    ~SocketName() { (void)::unlink(path_.c_str()); }

  private:
    const std::string& path_;
};

}  // namespace

Task<void> serve_heartbeat(std::string path, std::function<std::string()> stalled) {
    auto executor = co_await asio::this_coro::executor;
    stream_protocol::acceptor acceptor(executor);
    if (const auto error = listen_on(acceptor, path)) {
        log::warning("probes cannot ask the supervisor on {}: {}", path,
                     describe_errno(error.value()));
        co_await sleep_for_ever();
    }
    const SocketName name(path);
    while (true) {
        // To be accepted, and hung up on, is the answer yes.
        auto [error, asker] = co_await acceptor.async_accept(as_result);
        if (!error) {
            const std::string reason = stalled();
            error_code ignored;
            // The buffer of a new socket takes one line at once.
            if (!reason.empty()) asker.send(asio::buffer(reason), 0, ignored);
            continue;
        }
        asio::steady_timer pause(executor, after_failed_accept);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

Task<tl::expected<void, NoPulse>> check_heartbeat(const std::string& path, Clock& clock,
                                                  TimePoint give_up) {
    auto stream = connect_local(co_await asio::this_coro::executor, path);
    if (!stream) {
        co_return tl::unexpected<NoPulse>(
            {.absent = stream.error().nobody_there, .cause = stream.error().cause});
    }
    std::array<char, 200> reason{};
    auto first = co_await (stream->async_read_some(asio::buffer(reason), as_result) ||
                           clock.sleep_until(give_up));
    std::string cause = fmt::format("the supervisor does not answer on {}", path);
    if (auto* read = std::get_if<0>(&first)) {
        const auto [error, count] = *read;
        if (error == asio::error::eof) co_return tl::expected<void, NoPulse>();
        if (!error) cause = printable(std::string_view(reason.data(), count));
    }
    co_return tl::unexpected<NoPulse>({.absent = false, .cause = std::move(cause)});
}

}  // namespace fluxpod
