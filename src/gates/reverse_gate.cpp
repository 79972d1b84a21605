// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/reverse_gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/base/together.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

constexpr Duration ptr_timeout = std::chrono::seconds(1);
constexpr Duration time_to_change = std::chrono::seconds(5);
constexpr std::size_t max_addresses = 16;

class ReverseGate final : public Gate {
  public:
    ReverseGate(ReverseQuestion question, Resolver& resolver, Clock& clock,
                std::optional<std::string>& found)
        : question_(std::move(question)), resolver_(resolver), clock_(clock), found_(found) {}

    [[nodiscard]] std::string name() const override { return "reverse DNS"; }
    [[nodiscard]] std::string subject() const override {
        std::vector<std::string> texts;
        for (const auto& address : addresses_) texts.push_back(address.to_string());
        return texts.empty() ? "this pod's address" : join(texts, ", ");
    }
    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::identity; }
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        return BackoffPolicy{
            .first = std::chrono::milliseconds(100), .most = std::chrono::seconds(2), .steady = 10};
    }
    [[nodiscard]] std::string advice() const override { return question_.advice; }

    Task<Attempt> attempt(TimePoint give_up) override {
        addresses_ = question_.own_addresses();
        if (addresses_.size() > max_addresses) addresses_.resize(max_addresses);
        answers_.assign(addresses_.size(), {});
        ranks_.clear();
        faults_.clear();
        if (addresses_.empty()) {
            co_return Attempt{.why = "this pod has no address but loopback", .not_before = {}};
        }

        give_up = std::min(give_up, clock_.now() + ptr_timeout);
        std::vector<Task<void>> questions;
        for (std::size_t i = 0; i < addresses_.size(); ++i) {
            questions.push_back(ask(i, give_up));
        }
        co_await together(std::move(questions), [this] { return !ranks_.empty(); });
        co_return judge();
    }

  private:
    using Status = Resolution::Status;

    Task<void> ask(std::size_t place, TimePoint give_up) {
        const DnsQuestion question{.name = reverse_dns_name(addresses_[place]),
                                   .type = dns_type::ptr};
        answers_[place] = co_await resolver_.ask(question, give_up);
        for (const auto& name : answers_[place].answer.names) {
            auto rank = question_.rank_of(name);
            if (rank) {
                // The first in the alphabet, so that every pod chooses the same pattern of names.
                auto [entry, is_new] = ranks_.try_emplace(*rank, name);
                if (!is_new) entry->second = std::min(entry->second, name);
            } else {
                faults_.push_back(fmt::format("{} is called {}: {}", addresses_[place].to_string(),
                                              in_quotes(name), rank.error().cause));
            }
        }
    }

    Attempt judge() {
        if (ranks_.size() == 1) {
            found_ = ranks_.begin()->second;
            return {.answer = Attempt::Answer::open, .why = "found", .not_before = {}};
        }
        if (ranks_.size() > 1) {
            const auto& [rank, name] = *ranks_.begin();
            const auto& [other_rank, other_name] = *std::next(ranks_.begin());
            return unless_it_changes(fmt::format("it is rank {} by the name {} and rank {} by {}",
                                                 rank, name, other_rank, other_name));
        }
        if (!faults_.empty()) {
            // Servers give names in any order; equal answers should compare equal.
            std::sort(faults_.begin(), faults_.end());
            return unless_it_changes(join(faults_, "; "));
        }
        const auto& first = answers_.front();
        if (first.status == Status::no_servers) {
            return unless_it_changes("/etc/resolv.conf names no nameserver");
        }
        stays_since_.reset();
        std::vector<std::string> whys;
        for (std::size_t i = 0; i < answers_.size(); ++i) {
            whys.push_back(addresses_[i].to_string() + ": " + describe(answers_[i]));
        }
        const bool ours = std::all_of(answers_.begin(), answers_.end(), [](const auto& answer) {
            return answer.status == Status::own_fault;
        });
        return {.why = join(whys, "; "), .own_fault = ours ? first.own_fault : 0, .not_before = {}};
    }

    static std::string describe(const Resolution& resolution) {
        if (resolution.status != Status::answered) return resolution.detail;
        const bool denied = resolution.answer.rcode == DnsRcode::name_error;
        return (denied ? "no such name (NXDOMAIN) from " : "no name from ") + resolution.server;
    }

    // An answer that is wrong and comes again and again is final.
    Attempt unless_it_changes(std::string why) {
        if (!stays_since_) stays_since_ = clock_.now();
        const bool final = clock_.now() - *stays_since_ >= time_to_change;
        return {.answer = final ? Attempt::Answer::never : Attempt::Answer::not_yet,
                .why = std::move(why),
                .not_before = {}};
    }

    ReverseQuestion question_;
    Resolver& resolver_;
    Clock& clock_;
    std::optional<std::string>& found_;

    // The result of the last attempt.
    std::vector<asio::ip::address> addresses_;
    std::vector<Resolution> answers_;
    std::map<std::uint32_t, std::string> ranks_;  // and the name that gives it
    std::vector<std::string> faults_;             // names that give none

    std::optional<TimePoint> stays_since_;
};

}  // namespace

std::unique_ptr<Gate> make_reverse_gate(ReverseQuestion question, Resolver& resolver, Clock& clock,
                                        std::optional<std::string>& found) {
    return std::make_unique<ReverseGate>(std::move(question), resolver, clock, found);
}

}  // namespace fluxpod
