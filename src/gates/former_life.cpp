// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/former_life.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <utility>

#include "fluxpod/gates/tcp_gate.hpp"

namespace fluxpod {

namespace {

constexpr auto look_timeout = std::chrono::milliseconds(500);
// libzmq closes a connection that does not begin its handshake after 30 s (ZMQ_HANDSHAKE_IVL).
constexpr auto closed_by_its_end_within = std::chrono::seconds(25);
constexpr auto longest = std::chrono::minutes(1);

}  // namespace

FormerLife::FormerLife(asio::ip::tcp::endpoint endpoint, std::vector<asio::ip::address> addresses)
    : endpoint_(std::move(endpoint)), addresses_(std::move(addresses)) {}

bool FormerLife::is_at(const asio::ip::address& address) const {
    return address == endpoint_.address() ||
           std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

Task<void> FormerLife::hold(Clock& clock) {
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    boost::system::error_code failure;
    socket.open(endpoint_.protocol(), failure);
    if (failure) {
        over_ = true;  // no descriptor is left, which the next gate tells
        co_return;
    }
    (void)::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    const TimePoint give_up = clock.now() + look_timeout;
    auto first =
        co_await (socket.async_connect(endpoint_, as_result) || clock.sleep_until(give_up));
    auto* connected = std::get_if<0>(&first);
    if (connected == nullptr || std::get<0>(*connected)) {
        over_ = true;  // refused, or not answered: whatever comes next is another life
        co_return;
    }
    connection_ = Fd(socket.release());
    connected_at_ = clock.now();
    if (!first_connected_at_) first_connected_at_ = connected_at_;
}

// Drops what the peer says, ZMTP's greeting. A peer that talks on and on is not a broker.
bool FormerLife::was_closed() const {
    std::array<char, 512> dropped{};
    constexpr int max_reads = 64;
    for (int reads = 0; reads < max_reads; ++reads) {
        const ssize_t count = ::read(connection_.get(), dropped.data(), dropped.size());
        if (count == 0) return true;
        if (count < 0 && errno != EINTR) return errno != EAGAIN;
    }
    return true;
}

Task<bool> FormerLife::is_over(Clock& clock, TimePoint give_up) {
    const auto executor = co_await asio::this_coro::executor;
    do {
        if (!connection_.valid()) {
            co_await hold(clock);
        }
        if (over_) break;
        const TimePoint until = std::min(give_up, *first_connected_at_ + longest);
        // A duplicate, so that a cancelled wait leaves the connection open.
        Fd duplicate(::fcntl(connection_.get(), F_DUPFD_CLOEXEC, 0));
        if (!duplicate.valid()) {
            over_ = true;
            break;
        }
        asio::posix::stream_descriptor readable(executor, duplicate.release());
        co_await (readable.async_wait(asio::posix::stream_descriptor::wait_read, as_result) ||
                  clock.sleep_until(until));
        if (was_closed()) {
            connection_.reset();
            over_ = clock.now() - connected_at_ < closed_by_its_end_within;
        }
        over_ = over_ || clock.now() - *first_connected_at_ >= longest;
    } while (!over_ && clock.now() < give_up);
    co_return over_;
}

namespace {

class FormerLifeGate final : public Gate {
  public:
    FormerLifeGate(Route& route, FormerLife& former, Clock& clock)
        : route_(route), former_(former), clock_(clock) {}

    [[nodiscard]] std::string name() const override { return "former parent"; }
    [[nodiscard]] std::string subject() const override {
        return describe_endpoint(former_.endpoint());
    }
    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::network; }
    // A try takes longer than that, so that its end is noticed at once.
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        return BackoffPolicy{.first = std::chrono::milliseconds(20),
                             .most = std::chrono::milliseconds(400)};
    }

    Task<Attempt> attempt(TimePoint give_up) override {
        auto& addresses = route_.addresses;
        const auto is_old = [this](const auto& address) { return former_.is_at(address); };
        const bool elsewhere = !std::all_of(addresses.begin(), addresses.end(), is_old);
        if (elsewhere) {
            std::erase_if(addresses, is_old);
            co_return Attempt{
                .answer = Attempt::Answer::open, .why = "it is elsewhere", .not_before = {}};
        }
        constexpr auto one_try = std::chrono::seconds(1);
        if (co_await former_.is_over(clock_, std::min(give_up, clock_.now() + one_try))) {
            co_return Attempt{
                .answer = Attempt::Answer::open, .why = "it is over", .not_before = {}};
        }
        co_return Attempt{.why = "it is still shutting down", .not_before = {}};
    }

    [[nodiscard]] std::string advice() const override {
        return "see what its broker waits for, and whether its pod is made again";
    }

  private:
    Route& route_;
    FormerLife& former_;
    Clock& clock_;
};

}  // namespace

std::unique_ptr<Gate> make_former_life_gate(Route& route, FormerLife& former, Clock& clock) {
    return std::make_unique<FormerLifeGate>(route, former, clock);
}

}  // namespace fluxpod
