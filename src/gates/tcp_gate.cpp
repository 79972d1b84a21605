// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/tcp_gate.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "fluxpod/base/own_fault.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/base/together.hpp"

namespace fluxpod {

std::string describe_endpoint(const asio::ip::tcp::endpoint& endpoint) {
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

std::string describe(const Connect& connect) {
    const std::string peer = describe_endpoint(connect.endpoint);
    if (connect.silent) return peer + " does not answer";
    if (connect.failure == asio::error::connection_refused) return peer + " refuses connections";
    if (connect.failure == asio::error::connection_reset) return peer + " resets connections";
    if (connect.failure == asio::error::network_unreachable ||
        connect.failure == asio::error::host_unreachable) {
        return peer + " is unreachable (" + describe_errno(connect.failure.value()) + ")";
    }
    return peer + ": " + describe_errno(connect.failure.value());
}

bool is_ours(const Connect& connect) {
    return !connect.silent && !connect.connected && is_own_fault(connect.failure.value());
}

Task<void> attempt_connect(Connect& connect, Clock& clock, TimePoint start, TimePoint give_up) {
    if (start > clock.now()) {
        co_await clock.sleep_until(start);
    }
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    auto first =
        co_await (socket.async_connect(connect.endpoint, as_result) || clock.sleep_until(give_up));
    auto* ended = std::get_if<0>(&first);
    // Too late, or cancelled since another try has the answer.
    if (ended == nullptr || !connect.silent) co_return;
    connect.silent = false;
    connect.failure = std::get<0>(*ended);
    connect.connected = !connect.failure;
}

namespace {

// A swallowed SYN may have been the last one: the next does not wait for its timeout, nor for the
// kernel, which would send it again after one second.
constexpr Duration next_connect = std::chrono::milliseconds(125);

// A name with more addresses than this is not a pod's; a race needs a descriptor for each.
constexpr std::size_t max_raced = 16;

class TcpGate final : public Gate {
  public:
    TcpGate(Route& route, Clock& clock, Duration timeout)
        : route_(route), clock_(clock), timeout_(timeout) {}

    [[nodiscard]] std::string name() const override { return "TCP"; }
    [[nodiscard]] std::string subject() const override {
        const bool ipv6 = route_.host.find(':') != std::string::npos;
        const std::string host = ipv6 ? "[" + route_.host + "]" : route_.host;
        return host + ":" + std::to_string(route_.port);
    }
    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::network; }

    // Only the peer bears these tries, as packets. Every moment between its start and ours delays
    // the cluster, so for five seconds they are many.
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        return BackoffPolicy{.first = std::chrono::milliseconds(20),
                             .most = std::chrono::milliseconds(400),
                             .factor = 1.3,
                             .steady = 250};
    }

    Task<Attempt> attempt(TimePoint give_up) override {
        route_.answered.reset();
        connects_.clear();
        for (const auto& address : route_.addresses) {
            if (connects_.size() == max_raced) break;
            connects_.push_back({.endpoint = {address, route_.port}, .failure = {}});
        }
        if (connects_.empty()) co_return Attempt{.why = "no address is known", .not_before = {}};

        // Nearly every try is answered at once, and most of them are refused: the others are made
        // ready only if the first is not answered.
        const TimePoint now = clock_.now();
        const TimePoint until = std::min(give_up, now + timeout_);
        const TimePoint second = std::min(until, now + next_connect);
        co_await race(now, second);
        if (!settled()) {
            co_await race(second, until);
        }

        const auto connected = [](const Connect& connect) { return connect.connected; };
        const auto winner = std::find_if(connects_.begin(), connects_.end(), connected);
        if (winner != connects_.end()) {
            route_.answered = winner->endpoint;
            co_return Attempt{
                .answer = Attempt::Answer::open, .why = "connected", .not_before = {}};
        }
        std::vector<std::string> failures;
        for (const auto& connect : connects_) failures.push_back(describe(connect));
        const bool ours = std::all_of(connects_.begin(), connects_.end(), is_ours);
        co_return Attempt{.why = join(failures, "; "),
                          .own_fault = ours ? connects_.front().failure.value() : 0,
                          .not_before = {}};
    }

    [[nodiscard]] std::string advice() const override {
        const auto any = [this](auto test) {
            return std::any_of(connects_.begin(), connects_.end(), test);
        };
        if (any([](const Connect& c) { return c.failure == asio::error::connection_refused; })) {
            return "the pod is there but nothing listens on that port: see whether its broker "
                   "started, and on which interface and port it is bound";
        }
        if (any([](const Connect& c) { return c.silent; })) {
            return "packets are swallowed: look for a network policy or firewall, and whether the "
                   "address still belongs to a running pod";
        }
        return connects_.empty() ? "" : "see whether this pod has a route to that address";
    }

  private:
    // Connects to every address from `start` on, and again and again as long as none is settled.
    [[nodiscard]] Task<void> race(TimePoint start, TimePoint until) {
        std::vector<Task<void>> connects;
        for (; start < until; start += next_connect) {
            for (auto& connect : connects_) {
                connects.push_back(attempt_connect(connect, clock_, start, until));
            }
        }
        co_await together(std::move(connects), [this] { return settled(); });
    }
    [[nodiscard]] bool settled() const {
        return std::any_of(connects_.begin(), connects_.end(),
                           [](const Connect& connect) { return connect.connected; }) ||
               std::none_of(connects_.begin(), connects_.end(),
                            [](const Connect& connect) { return connect.silent; });
    }

    Route& route_;
    Clock& clock_;
    Duration timeout_;
    std::vector<Connect> connects_;  // of the last attempt
};

}  // namespace

std::unique_ptr<Gate> make_tcp_gate(Route& route, Clock& clock, Duration timeout) {
    return std::make_unique<TcpGate>(route, clock, timeout);
}

}  // namespace fluxpod
