// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_call.hpp"

#include <fmt/format.h>
#include <zmq.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/own_fault.hpp"
#include "fluxpod/overlay/handshake.hpp"
#include "fluxpod/overlay/roll_call_message.hpp"
#include "fluxpod/overlay/zmq.hpp"
#include "roll_call_door.hpp"

namespace fluxpod {

namespace {

constexpr Duration between_announcements = std::chrono::seconds(2);
constexpr Duration max_for_farewell = std::chrono::seconds(1);
// The receipt may still be in libzmq when the socket closes; the parent is there to take it.
constexpr int linger_ms = 500;

ZmqResult<std::unique_ptr<ZmqSocket>> connect_parent(ZmqContext& context, const CurveCert& cert,
                                                     const std::string& endpoint,
                                                     const asio::any_io_executor& executor) {
    auto parent = ZmqSocket::open(context, ZMQ_DEALER, executor);
    if (!parent) return parent;
    if (auto keyed = (*parent)->use_curve_client(cert); !keyed) {
        return tl::unexpected(keyed.error());
    }
    if (auto connected = (*parent)->connect(endpoint); !connected) {
        return tl::unexpected(connected.error());
    }
    return parent;
}

// One rank's part. First phase: until the verdict; second: until the children have it.
class Rank {
  public:
    Rank(const Plan& plan, Duration waited, Clock& clock)
        : clock_(clock),
          own_{.rank = plan.identity.rank,
               .hostname = plan.identity.hostname,
               .parent = plan.parent.value_or(0),
               .waited = waited,
               .refused = 0} {
        if (plan.identity.is_lead()) book_.emplace(plan, clock.now());
    }

    Status stand_up(const Plan& plan, const CurveCert* cert, const std::string& parent_endpoint,
                    const asio::any_io_executor& executor) {
        if (cert == nullptr) {
            return fail(
                {.code = ExitCode::certificate,
                 .doing = "call the roll",
                 .cause = "the plan names no certificate",
                 .hint = "give every pod the same --curve-cert FILE or --curve-secret FILE"});
        }
        auto fault = [](std::string doing, std::string subject, ZmqFailure failure) {
            const bool ours = failure.own_fault != 0;
            return fail({.code = ours ? ExitCode::cannot_run : ExitCode::network,
                         .doing = std::move(doing),
                         .subject = std::move(subject),
                         .cause = std::move(failure.cause),
                         .hint = ours ? own_fault_advice(failure.own_fault)
                                      : "see whether another program, such as a broker, has the "
                                        "port"});
        };
        auto context = ZmqContext::create();
        if (!context) return fault("start ZeroMQ", "", context.error());
        context_ = std::move(*context);
        if (!plan.children.empty()) {
            const std::string endpoint = bind_endpoint(plan);
            auto door = RollCallDoor::open(*context_, *cert, endpoint, plan.bind.ipv6, executor);
            if (!door) return fault("bind to", endpoint, door.error());
            door_ = std::move(*door);
        }
        if (!plan.identity.is_lead()) {
            auto parent = connect_parent(*context_, *cert, parent_endpoint, executor);
            if (!parent) return fault("connect to the parent at", parent_endpoint, parent.error());
            parent_ = std::move(*parent);
        }
        return {};
    }

    Task<RollCall> run(TimePoint give_up) {
        if (!heard_enough()) {
            co_await (serve_children() || follow_parent() ||
                      clock_.sleep_until(decide_by(give_up)));
        }

        RollCall call = conclude();
        verdict_ = RollCallVerdict{.complete = call.complete,
                                   .joined = call.joined,
                                   .size = call.size,
                                   .refused_keys = call.refused_keys,
                                   .lacking = call.lacking};
        if (door_) {
            for (const auto& child : std::set<std::string>(children_)) send_verdict(child);
            co_await (serve_children() ||
                      clock_.sleep_until(std::min(give_up, clock_.now() + max_for_farewell)));
        }
        co_return call;
    }

  private:
    // The lead keeps time for telling the verdict; the others wait for it until the last.
    [[nodiscard]] TimePoint decide_by(TimePoint give_up) const {
        if (!book_) return give_up;
        const Duration left = std::max(give_up - clock_.now(), Duration::zero());
        return give_up - std::min<Duration>(left / 5, max_for_farewell);
    }

    // What this rank ends with: the lead's book, the verdict from above, or its absence.
    [[nodiscard]] RollCall conclude() const {
        if (book_) return book_->close();
        RollCall call;
        if (!verdict_) {
            call.lacking = fmt::format("{} (rank {}) heard no verdict from its parent, rank {}",
                                       own_.hostname, own_.rank, own_.parent);
            return call;
        }
        call.complete = verdict_->complete;
        call.joined = verdict_->joined;
        call.size = verdict_->size;
        call.refused_keys = verdict_->refused_keys;
        call.lacking = verdict_->lacking;
        return call;
    }

    // True when there is nothing left to hear from the children.
    [[nodiscard]] bool heard_enough() const {
        if (verdict_) return children_.empty();
        return book_ && book_->full();
    }

    Task<void> serve_children() {
        if (!door_) {
            co_await sleep_for_ever();
        } else {
            co_await (hear_children() || door_->guard([this] { note_refusal(); }));
        }
    }

    Task<void> hear_children() {
        while (!heard_enough()) {
            const auto message = co_await door_->children().receive();
            if (message.size() != 2) continue;
            const auto decoded = decode_roll_call(message[1]);
            if (!decoded) {
                log::debug("roll call: a child sent something else than a message of a roll call");
                continue;
            }
            if (const auto* presence = std::get_if<Presence>(&*decoded)) {
                hear_presence(message[0], *presence, message[1]);
            } else if (std::holds_alternative<Receipt>(*decoded)) {
                children_.erase(message[0]);
            }
        }
    }

    void hear_presence(const std::string& child, const Presence& presence,
                       const std::string& bytes) {
        // A child that has confirmed and a descendant's word that is under way do not open the
        // farewell again.
        if (verdict_) return send_verdict(child);
        children_.insert(child);
        if (book_) return book_->enter(presence, clock_.now());
        // Full or not, the child says it again in two seconds.
        static_cast<void>(parent_->send({bytes}));
    }

    void send_verdict(const std::string& child) {
        if (!door_->children().send({child, encode_roll_call(*verdict_)})) children_.erase(child);
    }

    void note_refusal() {
        if (own_.refused == 0) {
            log::warning("roll call: a peer with another certificate was turned away");
        }
        ++own_.refused;
        if (book_) book_->note_refusal(0);
    }

    Task<void> follow_parent() {
        if (!parent_) {
            co_await sleep_for_ever();
        } else {
            co_await (hear_verdict() || announce());
        }
    }

    Task<void> hear_verdict() {
        for (;;) {
            const auto message = co_await parent_->receive();
            if (message.size() != 1) continue;
            const auto decoded = decode_roll_call(message[0]);
            const auto* verdict = decoded ? std::get_if<RollCallVerdict>(&*decoded) : nullptr;
            if (verdict == nullptr) continue;
            verdict_ = *verdict;
            parent_->set(ZMQ_LINGER, linger_ms);
            static_cast<void>(parent_->send({encode_roll_call(Receipt{})}));
            co_return;
        }
    }

    Task<void> announce() {
        for (;;) {
            // A message that cannot be sent now is repeated anyway.
            static_cast<void>(parent_->send({encode_roll_call(own_)}));
            co_await clock_.sleep_until(clock_.now() + between_announcements);
        }
    }

    Clock& clock_;
    Presence own_;
    std::unique_ptr<ZmqContext> context_;  // before the sockets: it ends after them
    std::optional<RollCallDoor> door_;     // lead and interior ranks
    std::unique_ptr<ZmqSocket> parent_;    // all but the lead
    std::optional<RollBook> book_;         // the lead
    std::optional<RollCallVerdict> verdict_;
    std::set<std::string> children_;  // routing ids that have no verdict yet
};

}  // namespace

Task<Result<RollCall>> run_roll_call(const Plan& plan, const CurveCert* cert,
                                     const std::string& parent_endpoint, Duration waited,
                                     Clock& clock, TimePoint give_up) {
    Rank rank(plan, waited, clock);
    const bool alone = plan.identity.is_lead() && plan.identity.size <= 1;
    if (!alone) {
        const auto executor = co_await asio::this_coro::executor;
        auto up = rank.stand_up(plan, cert, parent_endpoint, executor);
        if (!up) co_return fail(up.error());
    }
    co_return co_await rank.run(give_up);
}

}  // namespace fluxpod
