// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/dns_gate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "fluxpod/base/together.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

// Types from the private range (RFC 6895 section 3.1), one per time slot, then again with DO, with
// CD, with both. Over again after 127 s: longer than any denial below is believed to be held.
constexpr std::uint16_t first_private_type = 65280;
constexpr int private_types = 255;
constexpr Duration time_slot = std::chrono::milliseconds(125);

// One poll is one question. A cluster may send 2,500 of them a second, and as many again
// where the record has just appeared and every poll is followed by a question for the address.
constexpr Duration poll_share = std::chrono::microseconds(400);
// A pod of a smaller cluster asks no faster than this, and later less than once in two seconds.
constexpr Duration fastest_poll = time_slot;
constexpr Duration later_poll = std::chrono::milliseconds(2100);
constexpr Duration eager_time = std::chrono::seconds(4);

// CoreDNS holds a denial for 30 s as kubeadm sets it up before Kubernetes 1.32. A SOA that says
// more comes from a zone outside the cluster, through a forwarder that may not cache at all: ignore
// it.
constexpr std::uint32_t longest_hold = 60;

// What the second address family may take when the first has answered (RFC 8305 section 3).
constexpr Duration other_family_grace = std::chrono::milliseconds(50);

// Some firewalls drop questions of unknown types.
constexpr Duration probe_timeout = std::chrono::seconds(1);
constexpr int max_dropped_probes = 2;
constexpr Duration first_probe_timeout = std::chrono::milliseconds(250);

// TTLs are whole seconds: so long must a denial's end stand still to be one and the same denial.
constexpr Duration whole_name_proof = std::chrono::seconds(3);

constexpr Duration time_to_rewrite = std::chrono::seconds(10);

constexpr Duration first_refresh = std::chrono::milliseconds(500);
constexpr Duration last_refresh = std::chrono::seconds(4);

// One cache key of a type: the DO and CD bits.
struct Key {
    bool dnssec_ok = false;
    bool checking_disabled = false;
    TimePoint held_until = TimePoint::min();  // a denial of it, in the server's cache
    TimePoint asked = TimePoint::min();
};

// A and AAAA under one key.
struct Families {
    Resolution a, aaaa;
    int answers = 0;
};

bool answered(const Resolution& resolution) {
    return resolution.status == Resolution::Status::answered;
}

bool is_denial(const Resolution& resolution) {
    return answered(resolution) && resolution.answer.addresses.empty();
}

bool is_no_such_name(const Resolution& resolution) {
    return answered(resolution) && resolution.answer.rcode == DnsRcode::name_error;
}

Attempt not_yet(std::string why) {
    return {.answer = Attempt::Answer::not_yet, .why = std::move(why), .not_before = {}};
}

Attempt never(std::string why) {
    return {.answer = Attempt::Answer::never, .why = std::move(why), .not_before = {}};
}

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
        if (!is_dns_name(route_.host)) co_return never("is not a name that DNS can hold");

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

    [[nodiscard]] std::string advice() const override {
        switch (last_trouble_) {
            case Trouble::none: return {};
            case Trouble::denied:
                return "see whether a pod of that name exists, whether a headless Service with the "
                       "name's second label selects it, and whether that Service has "
                       "publishNotReadyAddresses: true (without it a pod has no name until it is "
                       "ready); asked " +
                       resolver_.servers();
            case Trouble::unanswered:
                return "see whether the cluster's DNS is running and whether a network policy lets "
                       "this pod reach " +
                       resolver_.servers();
            case Trouble::no_servers:
                return "give the pod a dnsPolicy or dnsConfig that names a nameserver, or the host "
                       "a line in /etc/hosts";
        }
        return {};
    }

  private:
    enum class Trouble { none, denied, unanswered, no_servers };
    // The worth of questions of private types with this resolver. "refused" may pass (a server that
    // is starting); "useless" stays: it says of an absent name that it exists, or drops them.
    enum class Probes { work, refused, useless };

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
        last_trouble_ = Trouble::none;
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

    // Why a resolution without addresses is none, for the log and the report.
    Attempt explain(const Resolution& resolution) {
        if (resolution.status != Resolution::Status::no_servers) without_servers_since_.reset();
        route_.addresses.clear();
        refresh_after_ = first_refresh;
        switch (resolution.status) {
            case Resolution::Status::answered:
                last_trouble_ = Trouble::denied;
                if (is_no_such_name(resolution)) {
                    return not_yet("no such name (NXDOMAIN) from " + resolution.server);
                }
                return not_yet("the name exists without an address (NODATA) from " +
                               resolution.server);
            case Resolution::Status::no_servers:
                last_trouble_ = Trouble::no_servers;
                return without_servers();
            case Resolution::Status::own_fault:
                last_trouble_ = Trouble::none;
                return {
                    .why = resolution.detail, .own_fault = resolution.own_fault, .not_before = {}};
            case Resolution::Status::refused:
            case Resolution::Status::no_answer:
            case Resolution::Status::unreachable: break;
        }
        last_trouble_ = Trouble::unanswered;
        return not_yet(resolution.detail);
    }

    // A file that is being rewritten is empty for a moment; one that stays so is a fault that
    // nobody mends.
    Attempt without_servers() {
        const std::string why =
            "/etc/resolv.conf names no nameserver, and /etc/hosts not this host";
        if (!without_servers_since_) without_servers_since_ = clock_.now();
        return clock_.now() - *without_servers_since_ < time_to_rewrite ? not_yet(why) : never(why);
    }

    // ---- Questions

    [[nodiscard]] Task<Resolution> ask(std::uint16_t type, Key& key, TimePoint give_up) {
        key.asked = clock_.now();
        return resolver_.ask({.name = route_.host,
                              .type = type,
                              .dnssec_ok = key.dnssec_ok,
                              .checking_disabled = key.checking_disabled},
                             give_up);
    }

    [[nodiscard]] Task<Resolution> ask_existence(std::string name, TimePoint give_up) {
        const Duration since_epoch = clock_.now().time_since_epoch() + epoch_offset_;
        const auto slot = since_epoch / time_slot;
        const auto round = slot / private_types;
        return resolver_.ask(
            {.name = std::move(name),
             .type = static_cast<std::uint16_t>(first_private_type + slot % private_types),
             .dnssec_ok = round % 2 == 1,
             .checking_disabled = round / 2 % 2 == 1},
            std::min(give_up, clock_.now() + probe_timeout));
    }

    // One family; once it has addresses the other has a little time left, since one of the two
    // packets may be lost or its type be dropped by a broken server.
    Task<void> ask_family(std::uint16_t type, Key& key, TimePoint give_up, Families& families) {
        auto resolution = co_await ask(type, key, give_up);
        const bool useful = !resolution.answer.addresses.empty();
        (type == dns_type::a ? families.a : families.aaaa) = std::move(resolution);
        if (++families.answers == 1 && useful) {
            co_await clock_.sleep_until(std::min(give_up, clock_.now() + other_family_grace));
            families.answers = 2;
        }
    }

    Task<Families> ask_families(Key& key, TimePoint give_up) {
        Families families;
        std::vector<Task<void>> both;
        both.push_back(ask_family(dns_type::a, key, give_up, families));
        both.push_back(ask_family(dns_type::aaaa, key, give_up, families));
        co_await together(std::move(both), [&families] { return families.answers == 2; });
        remember_hold(key, families.a);
        co_return families;
    }

    // One family after the other: if a crowd has waited, the second question of every pod would
    // fall into the same second.
    Task<Families> ask_in_turn(Key& key, TimePoint give_up) {
        Families families;
        families.a = co_await ask(dns_type::a, key, give_up);
        remember_hold(key, families.a);
        if (is_denial(families.a) && !is_no_such_name(families.a)) {
            families.aaaa = co_await ask(dns_type::aaaa, key, give_up);
        }
        co_return families;
    }

    // dnsmasq and BIND hold a denial for the name as a whole: then it runs out at the same moment
    // whatever the type, and a fresh type learns nothing. Under DO, dnsmasq asks anew.
    [[nodiscard]] bool is_held_for_all_types(const Resolution& resolution) {
        if (!is_no_such_name(resolution)) return false;
        const auto ttl = std::chrono::seconds(resolution.answer.denial_ttl.value_or(0));
        const TimePoint end = clock_.now() + ttl;
        if (end > denied_until_ + std::chrono::seconds(1)) {
            denied_until_ = end;
            denied_since_ = clock_.now();
        }
        return clock_.now() - denied_since_ >= whole_name_proof;
    }

    void remember_hold(Key& key, const Resolution& resolution) {
        if (answered(resolution)) key.held_until = TimePoint::min();
        if (!is_denial(resolution)) return;
        zone_ = resolution.answer.denial_zone;
        const std::uint32_t ttl = resolution.answer.denial_ttl.value_or(0);
        if (ttl <= longest_hold) key.held_until = clock_.now() + std::chrono::seconds(ttl);
    }

    [[nodiscard]] bool is_free(const Key& key) const { return key.held_until <= clock_.now(); }

    // The one that was not asked for longest, among the free ones if there are any. While the name
    // is absent only the expendable keys are asked, so that one more than the plain key is left
    // whose denial nobody has caused.
    [[nodiscard]] Key& next_key(bool expendable_only) {
        auto first = keys_.begin() + (expendable_only ? first_expendable_key : 0);
        return *std::min_element(first, keys_.end(), [this](const Key& a, const Key& b) {
            return std::pair(!is_free(a), a.asked) < std::pair(!is_free(b), b.asked);
        });
    }

    // ---- The states: first look, poll while the name is absent, fetch once it exists, refresh

    // Existence first: unbound's cache knows neither DO nor CD, and would hold the denial of this
    // address question against the one that counts. If that is not answered, then not under the
    // plain key: a denial of it would outlast the name's absence in the server's cache, and the
    // plain key is what the broker's own resolver asks.
    Task<Attempt> first_look(TimePoint give_up) {
        const auto existence = co_await ask_existence(
            route_.host, std::min(give_up, clock_.now() + first_probe_timeout));
        if (is_no_such_name(existence)) {
            zone_ = existence.answer.denial_zone;
            co_return explain(existence);
        }
        if (is_denial(existence)) {
            co_return co_await fetch(give_up, true);
        }
        const auto families = co_await ask_families(next_key(true), give_up);
        if (has_address(families)) co_return found(families);
        if (name_exists(families)) {
            co_return co_await fetch(give_up);
        }
        co_return explain(telling(families));
    }

    // Whether the resolver answers private types rightly shows at a name that does exist: the apex
    // of the zone that denied ours. If so, no poll for an address is needed beside the probes,
    // which in a crowd mostly meets a denial that another pod's question has left.
    Task<void> prove_probes(TimePoint give_up) {
        proof_tried_ = true;
        const auto resolution = co_await ask_existence(zone_, give_up);
        proven_ = is_denial(resolution) && !is_no_such_name(resolution);
    }

    Task<Attempt> poll(TimePoint give_up) {
        if (!proof_tried_ && is_dns_name(zone_)) {
            co_await prove_probes(give_up);
        }
        const bool free_key = probes_ != Probes::work || is_free(next_key(true));
        const bool probe = probes_ != Probes::useless && !(address_next_ && free_key && !proven_);
        address_next_ = probe;

        Resolution resolution;
        if (probe) {
            resolution = co_await ask_existence(route_.host, give_up);
            if (answered(resolution)) {
                probes_ = is_held_for_all_types(resolution) ? Probes::useless : Probes::work;
            }
            if (resolution.status == Resolution::Status::refused) probes_ = Probes::refused;
            probe_was_dropped_ = resolution.status == Resolution::Status::no_answer;
        } else {
            // NXDOMAIN denies all types (RFC 8020): A alone is enough.
            Key& key = next_key(probes_ != Probes::useless);
            resolution = co_await ask(dns_type::a, key, give_up);
            remember_hold(key, resolution);
            const bool only_probes_are_dropped =
                answered(resolution) && std::exchange(probe_was_dropped_, false);
            if (only_probes_are_dropped && ++dropped_probes_ == max_dropped_probes) {
                probes_ = Probes::useless;
            }
        }
        if (!answered(resolution) || is_no_such_name(resolution)) co_return explain(resolution);
        co_return co_await fetch(give_up, probe);
    }

    // The name exists: its addresses under one key after the other, the plain one first, past
    // denials that a cache still holds.
    Task<Attempt> fetch(TimePoint give_up, bool believed_a_probe = false) {
        Resolution last;
        bool all_say_no_such_name = true;
        for (Key& key : keys_) {
            if (!is_free(key)) continue;
            const auto families = co_await ask_in_turn(key, give_up);
            if (has_address(families)) co_return found(families);
            last = telling(families);
            if (!answered(last)) co_return explain(last);
            all_say_no_such_name = all_say_no_such_name && is_no_such_name(last);
            if (is_free(key)) break;  // denied afresh: no cache is in the way
        }
        if (last.server.empty()) {
            last_trouble_ = Trouble::denied;
            co_return not_yet("the name exists, but caches still deny its address");
        }
        if (believed_a_probe && all_say_no_such_name) probes_ = Probes::useless;
        co_return explain(last);
    }

    Task<Attempt> refresh(TimePoint give_up) {
        const auto families = co_await ask_families(next_key(false), give_up);
        if (has_address(families)) co_return found(families);
        Resolution resolution = telling(families);
        // A denial may be an old one out of the cache.
        if (answered(resolution) && probes_ == Probes::work) {
            resolution = co_await ask_existence(route_.host, give_up);
        }
        if (is_no_such_name(resolution)) co_return explain(resolution);
        schedule_refresh();
        co_return open(route_.addresses);
    }

    static bool has_address(const Families& families) {
        return !families.a.answer.addresses.empty() || !families.aaaa.answer.addresses.empty();
    }

    static bool name_exists(const Families& families) {
        const auto exists = [](const Resolution& r) { return is_denial(r) && !is_no_such_name(r); };
        return exists(families.a) || exists(families.aaaa);
    }

    // The resolution of the two that says more.
    static const Resolution& telling(const Families& families) {
        return answered(families.a) || !answered(families.aaaa) ? families.a : families.aaaa;
    }

    Route& route_;
    Resolver& resolver_;
    const LiveHosts& hosts_file_;
    Clock& clock_;
    Duration answer_timeout_;
    Duration crowd_share_;
    Duration epoch_offset_{};

    static constexpr int first_expendable_key = 2;
    std::array<Key, 4> keys_{{{},  // plain
                              {.dnssec_ok = true, .checking_disabled = true},
                              {.dnssec_ok = true},
                              {.checking_disabled = true}}};
    Probes probes_ = Probes::work;
    bool first_try_ = true;
    bool probe_was_dropped_ = false;
    int dropped_probes_ = 0;
    bool address_next_ = false;                  // polls take turns: existence, address
    std::string zone_;                           // that denied the name
    TimePoint denied_until_ = TimePoint::min();  // by the denials of private types
    TimePoint denied_since_ = TimePoint::min();
    bool proof_tried_ = false;
    bool proven_ = false;
    TimePoint refresh_at_{};
    Duration refresh_after_ = first_refresh;
    Trouble last_trouble_ = Trouble::none;
    std::optional<TimePoint> without_servers_since_;
};

}  // namespace

std::unique_ptr<Gate> make_dns_gate(Route& route, Resolver& resolver, const LiveHosts& hosts_file,
                                    Clock& clock, DnsGateOptions options) {
    return std::make_unique<DnsGate>(route, resolver, hosts_file, clock, options);
}

}  // namespace fluxpod
