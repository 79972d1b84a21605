// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/dns_gate.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "dns_keys.hpp"
#include "dns_trouble.hpp"
#include "fluxpod/base/together.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

// One poll is one question. A cluster may send 2,500 of them a second, and as many again
// where the record has just appeared and every poll is followed by a question for the address.
constexpr Duration poll_share = std::chrono::microseconds(400);
// A pod of a smaller cluster asks no faster than this, and later less than once in two seconds.
constexpr Duration fastest_poll = dns_time_slot;
constexpr Duration later_poll = std::chrono::milliseconds(2100);
constexpr Duration eager_time = std::chrono::seconds(4);

// What the second address family may take when the first has answered (RFC 8305 section 3).
constexpr Duration other_family_grace = std::chrono::milliseconds(50);

// Some firewalls drop questions of unknown types.
constexpr Duration probe_timeout = std::chrono::seconds(1);
constexpr Duration first_probe_timeout = std::chrono::milliseconds(250);

constexpr Duration first_refresh = std::chrono::milliseconds(500);
constexpr Duration last_refresh = std::chrono::seconds(4);

// A and AAAA under one key.
struct Families {
    Resolution a, aaaa;
    int answers = 0;
};

class DnsGate final : public Gate {
  public:
    DnsGate(Route& route, Resolver& resolver, const LiveHosts& hosts_file, Clock& clock,
            DnsGateOptions options)
        : route_(route),
          resolver_(resolver),
          hosts_file_(hosts_file),
          clock_(clock),
          answer_timeout_(options.answer_timeout),
          crowd_share_(poll_share * options.crowd) {
        epoch_offset_ = options.epoch_offset.value_or(
            std::chrono::system_clock::now().time_since_epoch() - clock.now().time_since_epoch());
    }

    [[nodiscard]] std::string name() const override { return "DNS"; }
    [[nodiscard]] std::string subject() const override { return route_.host; }
    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::dns; }

    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        const Duration first = std::max(fastest_poll, crowd_share_);
        return BackoffPolicy{.first = first,
                             .most = std::max(later_poll, crowd_share_),
                             .factor = 2,
                             .steady = static_cast<unsigned>(eager_time / first)};
    }

    Task<Attempt> attempt(TimePoint give_up) override {
        const auto known = addresses_without_dns();
        if (!known.empty()) co_return open(known);
        if (!is_dns_name(route_.host)) {
            co_return Attempt{.answer = Attempt::Answer::never,
                              .why = "is not a name that DNS can hold",
                              .not_before = {}};
        }

        const TimePoint now = clock_.now();
        const bool resolved = !route_.addresses.empty();
        if (resolved && now < refresh_at_) co_return open(route_.addresses);
        give_up = std::min(give_up, now + answer_timeout_);
        if (resolved) {
            co_return co_await refresh(give_up);
        }
        if (std::exchange(first_try_, false)) {
            co_return co_await first_look(give_up);
        }
        co_return co_await poll(give_up);
    }

    [[nodiscard]] std::string advice() const override { return trouble_.advice(resolver_); }

  private:
    [[nodiscard]] std::vector<asio::ip::address> addresses_without_dns() const {
        boost::system::error_code not_an_address;
        const auto literal = asio::ip::make_address(route_.host, not_an_address);
        if (!not_an_address) return {literal};
        return hosts_file_.addresses_of(route_.host);
    }

    // In one order, since resolvers rotate theirs and equal answers should compare equal.
    Attempt open(std::vector<asio::ip::address> addresses) {
        std::sort(addresses.begin(), addresses.end());
        addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
        route_.addresses = std::move(addresses);
        trouble_.clear();
        return {.answer = Attempt::Answer::open, .why = "resolved", .not_before = {}};
    }

    Attempt found(const Families& families) {
        auto addresses = families.a.answer.addresses;
        const auto& more = families.aaaa.answer.addresses;
        addresses.insert(addresses.end(), more.begin(), more.end());
        schedule_refresh();
        return open(std::move(addresses));
    }

    void schedule_refresh() {
        refresh_at_ = clock_.now() + refresh_after_;
        refresh_after_ = std::min(refresh_after_ * 2, last_refresh);
    }

    Attempt shut(const Resolution& resolution) {
        route_.addresses.clear();
        refresh_after_ = first_refresh;
        return trouble_.explain(resolution, clock_.now());
    }

    // ---- Questions

    [[nodiscard]] Task<Resolution> ask(std::uint16_t type, DnsKey& key, TimePoint give_up) {
        key.asked = clock_.now();
        return resolver_.ask({.name = route_.host,
                              .type = type,
                              .dnssec_ok = key.dnssec_ok,
                              .checking_disabled = key.checking_disabled},
                             give_up);
    }

    [[nodiscard]] Task<Resolution> ask_existence(std::string name, TimePoint give_up) {
        const Duration since_epoch = clock_.now().time_since_epoch() + epoch_offset_;
        return resolver_.ask(existence_question(std::move(name), since_epoch),
                             std::min(give_up, clock_.now() + probe_timeout));
    }

    // One family; once it has addresses the other has a little time left, since one of the two
    // packets may be lost or its type be dropped by a broken server.
    Task<void> ask_family(std::uint16_t type, DnsKey& key, TimePoint give_up, Families& families) {
        auto resolution = co_await ask(type, key, give_up);
        const bool useful = !resolution.answer.addresses.empty();
        (type == dns_type::a ? families.a : families.aaaa) = std::move(resolution);
        if (++families.answers == 1 && useful) {
            co_await clock_.sleep_until(std::min(give_up, clock_.now() + other_family_grace));
            families.answers = 2;
        }
    }

    Task<Families> ask_families(DnsKey& key, TimePoint give_up) {
        Families families;
        std::vector<Task<void>> both;
        both.push_back(ask_family(dns_type::a, key, give_up, families));
        both.push_back(ask_family(dns_type::aaaa, key, give_up, families));
        co_await together(std::move(both), [&families] { return families.answers == 2; });
        keys_.learn_address(key, families.a, clock_.now());
        co_return families;
    }

    // One family after the other: if a crowd has waited, the second question of every pod would
    // fall into the same second.
    Task<Families> ask_in_turn(DnsKey& key, TimePoint give_up) {
        Families families;
        families.a = co_await ask(dns_type::a, key, give_up);
        keys_.learn_address(key, families.a, clock_.now());
        if (families.a.is_denial() && !families.a.is_no_such_name()) {
            families.aaaa = co_await ask(dns_type::aaaa, key, give_up);
        }
        co_return families;
    }

    // ---- The states: first look, poll while the name is absent, fetch once it exists, refresh

    // Existence first: unbound's cache knows neither DO nor CD, and would hold the denial of this
    // address question against the one that counts. If that is not answered, then not under the
    // plain key: a denial of it would outlast the name's absence in the server's cache, and the
    // plain key is what the broker's own resolver asks.
    Task<Attempt> first_look(TimePoint give_up) {
        const auto existence = co_await ask_existence(
            route_.host, std::min(give_up, clock_.now() + first_probe_timeout));
        if (existence.is_no_such_name()) {
            keys_.learn_zone(existence);
            co_return shut(existence);
        }
        if (existence.is_denial()) {
            co_return co_await fetch(give_up, true);
        }
        const auto families = co_await ask_families(keys_.next(true, clock_.now()), give_up);
        if (has_address(families)) co_return found(families);
        if (name_exists(families)) {
            co_return co_await fetch(give_up);
        }
        co_return shut(telling(families));
    }

    Task<void> prove_existence(TimePoint give_up) {
        keys_.begin_proof();
        const auto resolution = co_await ask_existence(keys_.zone(), give_up);
        keys_.learn_proof(resolution);
    }

    Task<Attempt> poll(TimePoint give_up) {
        if (keys_.lacks_proof()) {
            co_await prove_existence(give_up);
        }
        Resolution resolution;
        const bool existence = keys_.poll_existence(clock_.now());
        if (existence) {
            resolution = co_await ask_existence(route_.host, give_up);
            keys_.learn_existence_poll(resolution, clock_.now());
        } else {
            // NXDOMAIN denies all types (RFC 8020): A alone is enough.
            DnsKey& key = keys_.next_to_poll(clock_.now());
            resolution = co_await ask(dns_type::a, key, give_up);
            keys_.learn_address_poll(key, resolution, clock_.now());
        }
        if (!resolution.is_answer() || resolution.is_no_such_name()) co_return shut(resolution);
        co_return co_await fetch(give_up, existence);
    }

    // The name exists: its addresses under one key after the other, the plain one first, past
    // denials that a cache still holds.
    Task<Attempt> fetch(TimePoint give_up, bool believed_a_probe = false) {
        Resolution last;
        bool all_say_no_such_name = true;
        for (DnsKey& key : keys_.all()) {
            if (!key.is_free(clock_.now())) continue;
            const auto families = co_await ask_in_turn(key, give_up);
            if (has_address(families)) co_return found(families);
            last = telling(families);
            if (!last.is_answer()) co_return shut(last);
            all_say_no_such_name = all_say_no_such_name && last.is_no_such_name();
            if (key.is_free(clock_.now())) break;  // denied afresh: no cache is in the way
        }
        if (last.server.empty()) {
            co_return trouble_.denied_by_caches();
        }
        if (believed_a_probe && all_say_no_such_name) keys_.distrust_existence();
        co_return shut(last);
    }

    Task<Attempt> refresh(TimePoint give_up) {
        const auto families = co_await ask_families(keys_.next(false, clock_.now()), give_up);
        if (has_address(families)) co_return found(families);
        Resolution resolution = telling(families);
        // A denial may be an old one out of the cache.
        if (resolution.is_answer() && keys_.trusts_existence()) {
            resolution = co_await ask_existence(route_.host, give_up);
        }
        if (resolution.is_no_such_name()) co_return shut(resolution);
        schedule_refresh();
        co_return open(route_.addresses);
    }

    static bool has_address(const Families& families) {
        return !families.a.answer.addresses.empty() || !families.aaaa.answer.addresses.empty();
    }

    static bool name_exists(const Families& families) {
        const auto exists = [](const Resolution& r) {
            return r.is_denial() && !r.is_no_such_name();
        };
        return exists(families.a) || exists(families.aaaa);
    }

    // The resolution of the two that says more.
    static const Resolution& telling(const Families& families) {
        return families.a.is_answer() || !families.aaaa.is_answer() ? families.a : families.aaaa;
    }

    Route& route_;
    Resolver& resolver_;
    const LiveHosts& hosts_file_;
    Clock& clock_;
    Duration answer_timeout_;
    Duration crowd_share_;
    Duration epoch_offset_{};

    DnsKeys keys_;
    DnsTrouble trouble_;
    bool first_try_ = true;
    TimePoint refresh_at_{};
    Duration refresh_after_ = first_refresh;
};

}  // namespace

std::unique_ptr<Gate> make_dns_gate(Route& route, Resolver& resolver, const LiveHosts& hosts_file,
                                    Clock& clock, DnsGateOptions options) {
    return std::make_unique<DnsGate>(route, resolver, hosts_file, clock, options);
}

}  // namespace fluxpod
