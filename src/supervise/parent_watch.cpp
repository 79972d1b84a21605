// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/parent_watch.hpp"

#include <algorithm>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/gates/dns_gate.hpp"
#include "fluxpod/gates/tcp_gate.hpp"

namespace fluxpod {

namespace {

// A look costs some 50 microseconds of CPU, and the time between two of them is what a lost parent
// costs at most before anything else happens.
constexpr BackoffPolicy between_parent_looks{.first = std::chrono::milliseconds(400),
                                             .most = std::chrono::milliseconds(400),
                                             .factor = 1,
                                             .jitter = 0.25};

// libzmq tries again every 100 ms, unless a SYN was lost: the kernel sends it again after 1 s and
// after 3 s. A lead that a thousand followers come back to at once loses many.
constexpr auto time_to_reconnect = std::chrono::seconds(4);

// For want of a descriptor for a moment, or of /proc for ever.
constexpr BackoffPolicy between_denied_looks{
    .first = std::chrono::seconds(1), .most = std::chrono::minutes(5), .factor = 2};

constexpr auto connect_timeout = std::chrono::milliseconds(500);
constexpr auto answer_timeout = std::chrono::seconds(2);
constexpr auto between_denials = std::chrono::seconds(1);

}  // namespace

ParentWatch::ParentWatch(Route parent, ParentSeen& seen, Resolver& resolver,
                         const LiveHosts& hosts_file, Clock& clock, std::uint64_t seed,
                         Reconnected reconnected, Look look)
    : parent_(std::move(parent)),
      seen_(seen),
      resolver_(resolver),
      hosts_file_(hosts_file),
      clock_(clock),
      seed_(seed),
      pause_(between_parent_looks, seed),
      reconnected_(std::move(reconnected)),
      look_(std::move(look)) {}

Task<std::string> ParentWatch::lost() {
    const auto endpoint = *parent_.answered;
    if (look_(endpoint).state == LinkState::unknown) {
        log::warning("without /proc/net/tcp a lost parent is noticed only by Flux");
        Backoff pause(between_denied_looks, seed_);
        while (look_(endpoint).state == LinkState::unknown) {
            co_await clock_.sleep_until(clock_.now() + pause.next());
        }
    }
    while (true) {
        co_await clock_.sleep_until(clock_.now() + pause_.next());
        const auto [link, local] = look_(endpoint);
        if (link == LinkState::connected) {
            seen_.joined = seen_.joined || seen_.connected;
            seen_.connected = true;
            const bool anew = !local_.empty() && local_ != local;
            local_ = local;
            if (anew) {
                co_await reconnected_();
            }
        }
        if (link != LinkState::absent) absent_since_.reset();
        if (link != LinkState::stalled) name_.reset();

        std::optional<std::string> why;
        if (link == LinkState::absent) {
            why = co_await gone();
        }
        if (link == LinkState::stalled) {
            why = co_await moved();
        }
        if (why) co_return *why;
    }
}

// No connection: the parent closed it, since the kernel itself gives up only after minutes. If this
// pod has no descriptor for a try, nothing is known of the parent. One that cannot be reached any
// more is gone. One that answers is given time to be connected again, and all the time there is
// where the broker may not have begun to connect.
Task<std::optional<std::string>> ParentWatch::gone() {
    if (!absent_since_) absent_since_ = clock_.now();
    Connect connect{.endpoint = *parent_.answered, .failure = {}};
    const TimePoint now = clock_.now();
    co_await attempt_connect(connect, clock_, now, now + connect_timeout);
    if (is_ours(connect)) co_return std::nullopt;
    if (!connect.connected && (seen_.connected || !connect.silent)) co_return describe(connect);
    if (clock_.now() - *absent_since_ < time_to_reconnect) co_return std::nullopt;
    if (connect.silent) co_return describe(connect);
    if (!seen_.connected) co_return std::nullopt;
    co_return describe_endpoint(connect.endpoint) + " answers, but the broker is not connected";
}

// A connection that is not answered: a network that is cut, or a parent that is elsewhere by now.
Task<std::optional<std::string>> ParentWatch::moved() {
    const auto& known = parent_.answered->address();
    if (!name_) {
        elsewhere_ = parent_;
        name_ = make_dns_gate(elsewhere_, resolver_, hosts_file_, clock_);
        ask_name_at_ = clock_.now();
    }
    if (clock_.now() < ask_name_at_) co_return std::nullopt;
    const Attempt named = co_await name_->attempt(clock_.now() + answer_timeout);
    if (named.answer != Attempt::Answer::open) {
        ask_name_at_ =
            std::max(clock_.now() + between_denials, named.not_before.value_or(TimePoint{}));
        co_return std::nullopt;
    }
    for (const auto& address : elsewhere_.addresses) {
        if (address == known) co_return std::nullopt;
    }
    const auto tcp = make_tcp_gate(elsewhere_, clock_, connect_timeout);
    const Attempt answered = co_await tcp->attempt(clock_.now() + answer_timeout);
    if (answered.answer != Attempt::Answer::open) co_return std::nullopt;
    co_return "it is at " + describe_endpoint(*elsewhere_.answered) + " now";
}

}  // namespace fluxpod
