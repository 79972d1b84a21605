// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/dns_gate.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "fake_clock.hpp"
#include "fluxpod/gates/wait.hpp"
#include "temp_dir.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using Outcome = Resolution::Status;
using Answer = Attempt::Answer;

namespace {

const auto first_address = asio::ip::make_address("10.244.1.4");
const auto second_address = asio::ip::make_address("10.244.2.9");

bool is_private(const DnsQuestion& question) { return question.type >= 65280; }

// Answers as CoreDNS does with its cache plugin: one record, denials and answers held per (type,
// DO, CD). Answers that a test scripts go first.
class ClusterDns final : public Resolver {
  public:
    explicit ClusterDns(FakeClock& clock) : clock_(clock) {}

    std::optional<asio::ip::address> record;
    std::optional<TimePoint> appears;  // the record is there from then on
    Duration denials_held{};
    Duration answers_held{};
    std::string zone;  // whose SOA denials carry; its apex exists
    std::function<std::optional<Resolution>(const DnsQuestion&)> script;
    // A question that is never answered lasts as long as it may.
    std::function<bool(const DnsQuestion&)> drops = [](const DnsQuestion&) { return false; };

    struct Asked {
        TimePoint when;
        DnsQuestion question;
    };
    std::vector<Asked> asked;

    Task<Resolution> ask(DnsQuestion question, TimePoint give_up) override {
        asked.push_back({clock_.now(), question});
        if (drops(question)) {
            co_await clock_.sleep_until(give_up);
            co_return Resolution{.status = Outcome::no_answer,
                                 .answer = {},
                                 .server = {},
                                 .detail = "10.96.0.10: no answer"};
        }
        if (script) {
            if (auto scripted = script(question)) co_return *scripted;
        }
        co_return through_the_cache(question);
    }
    [[nodiscard]] std::string servers() const override { return "10.96.0.10"; }

    static Resolution answer(DnsRcode rcode, std::vector<asio::ip::address> addresses = {},
                             std::optional<std::uint32_t> denial_ttl = {}) {
        Resolution resolution;
        const bool answered = rcode == DnsRcode::no_error || rcode == DnsRcode::name_error;
        resolution.status = answered ? Outcome::answered : Outcome::refused;
        resolution.answer.rcode = rcode;
        resolution.answer.addresses = std::move(addresses);
        resolution.answer.denial_ttl = denial_ttl;
        resolution.server = "10.96.0.10";
        if (!answered) resolution.detail = "10.96.0.10: answers SERVFAIL";
        return resolution;
    }

    [[nodiscard]] std::size_t count(const std::function<bool(const Asked&)>& test) const {
        return static_cast<std::size_t>(std::count_if(asked.begin(), asked.end(), test));
    }

  private:
    using Key = std::tuple<std::string, std::uint16_t, bool, bool>;
    struct Held {
        Resolution resolution;
        TimePoint until;
    };

    Resolution through_the_cache(const DnsQuestion& question) {
        const Key key{question.name, question.type, question.dnssec_ok, question.checking_disabled};
        const auto held = cache_.find(key);
        if (held != cache_.end() && clock_.now() < held->second.until) {
            auto resolution = held->second.resolution;
            // A cache answers with the time that is left.
            auto& ttl = resolution.answer.denial_ttl;
            if (ttl) ttl = static_cast<std::uint32_t>((held->second.until - clock_.now()) / 1s);
            return resolution;
        }
        Resolution fresh = from_the_zone(question);
        const bool denied = fresh.answer.addresses.empty();
        cache_[key] = {fresh, clock_.now() + (denied ? denials_held : answers_held)};
        return fresh;
    }

    Resolution from_the_zone(const DnsQuestion& question) {
        if (appears && clock_.now() >= *appears) record = first_address;
        if (!zone.empty() && question.name == zone) return answer(DnsRcode::no_error);
        const auto ttl = static_cast<std::uint32_t>(denials_held / 1s);
        const std::optional<std::uint32_t> soa = ttl > 0 ? std::optional(ttl) : std::nullopt;
        if (!record) {
            auto denial = answer(DnsRcode::name_error, {}, soa);
            denial.answer.denial_zone = zone;
            return denial;
        }
        const bool right = question.type == (record->is_v4() ? dns_type::a : dns_type::aaaa);
        if (!right) return answer(DnsRcode::no_error, {}, soa);
        return answer(DnsRcode::no_error, {*record});
    }

    FakeClock& clock_;
    std::map<Key, Held> cache_;
};

// Shut until opened: so TCP is at a stale address.
class Door final : public Gate {
  public:
    explicit Door(std::function<bool()> is_open) : is_open_(std::move(is_open)) {}
    [[nodiscard]] std::string name() const override { return "TCP"; }
    [[nodiscard]] std::string subject() const override { return "door"; }
    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::network; }
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        return BackoffPolicy{.first = 200ms, .most = 200ms};
    }
    Task<Attempt> attempt(TimePoint) override {
        co_return Attempt{
            .answer = is_open_() ? Answer::open : Answer::not_yet, .why = "shut", .not_before = {}};
    }

  private:
    std::function<bool()> is_open_;
};

struct World {
    asio::io_context context;
    FakeClock clock;
    ClusterDns dns{clock};
    TempDir dir;
    LiveHosts hosts{dir / "hosts"};
    Route route{.host = "flux-sample-0.flux-service.default.svc.cluster.local",
                .port = 8050,
                .addresses = {},
                .answered = {}};
    TimePoint start = clock.now();
    std::unique_ptr<Gate> gate;

    std::uint32_t crowd = 4;

    std::unique_ptr<Gate> make() {
        return make_dns_gate(route, dns, hosts, clock,
                             {.crowd = crowd, .epoch_offset = Duration::zero()});
    }
    Attempt attempt() {
        if (!gate) gate = make();
        return run_task(context, gate->attempt(clock.now() + 10min));
    }
    Result<WaitSummary> wait(Duration timeout, Gate* next = nullptr) {
        if (!gate) gate = make();
        std::vector<Gate*> gates{gate.get()};
        if (next != nullptr) gates.push_back(next);
        const WaitPolicy policy{.timeout = timeout, .backoff = {}, .seed = 7};
        return run_task(context, wait_for_gates("wait", gates, policy, clock));
    }
    [[nodiscard]] Duration elapsed() const { return clock.now() - start; }
    [[nodiscard]] std::size_t asked_between(Duration from, Duration to) const {
        return dns.count([&](const ClusterDns::Asked& asked) {
            return asked.when - start >= from && asked.when - start < to;
        });
    }
};

}  // namespace

TEST_CASE("an address literal needs no question") {
    World world;
    for (const char* literal : {"10.0.0.7", "fd00::7", "fe80::1%1"}) {
        world.route.host = literal;
        CHECK(world.attempt().answer == Answer::open);
        CHECK(world.route.addresses == std::vector{asio::ip::make_address(literal)});
    }
    CHECK(world.dns.asked.empty());
}

TEST_CASE("a name of the hosts file needs no question") {
    World world;
    world.dir.write("hosts", "10.0.0.7 " + world.route.host + " lead\n");
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{asio::ip::make_address("10.0.0.7")});
    CHECK(world.dns.asked.empty());
}

TEST_CASE("a name that exists is found with two questions: is it there, and where") {
    World world;
    world.dns.record = first_address;
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{first_address});
    CHECK(world.dns.asked.size() == 2);
    CHECK(world.elapsed() <= 50ms);
}

TEST_CASE("a name with an IPv6 address only is found") {
    World world;
    world.dns.record = asio::ip::make_address("fd00::4");
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{asio::ip::make_address("fd00::4")});
}

TEST_CASE("addresses come sorted and once, whatever the order of the answer") {
    World world;
    world.dns.script = [](const DnsQuestion& question) -> std::optional<Resolution> {
        if (question.type != dns_type::a) return ClusterDns::answer(DnsRcode::no_error);
        return ClusterDns::answer(DnsRcode::no_error,
                                  {second_address, first_address, second_address});
    };
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{first_address, second_address});
}

TEST_CASE("a family that is never answered costs 50 ms and not the timeout") {
    World world;
    world.dns.record = first_address;
    world.dns.script = [](const DnsQuestion& question) -> std::optional<Resolution> {
        if (!is_private(question)) return std::nullopt;
        return ClusterDns::answer(DnsRcode::not_implemented);
    };
    world.dns.drops = [](const DnsQuestion& question) { return question.type == dns_type::aaaa; };
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.elapsed() == 50ms);
}

TEST_CASE("SERVFAIL for one family does not spoil the other") {
    World world;
    world.dns.record = first_address;
    world.dns.script = [](const DnsQuestion& question) -> std::optional<Resolution> {
        if (question.type != dns_type::aaaa) return std::nullopt;
        return ClusterDns::answer(DnsRcode::server_failure);
    };
    CHECK(world.attempt().answer == Answer::open);
}

TEST_CASE("a denial is not yet, and says who denied and what to look at") {
    World world;
    const auto attempt = world.attempt();
    CHECK(attempt.answer == Answer::not_yet);
    CHECK(attempt.why == "no such name (NXDOMAIN) from 10.96.0.10");
    CHECK(world.gate->advice().find("publishNotReadyAddresses") != std::string::npos);
    CHECK(world.route.addresses.empty());
}

TEST_CASE("a name without an address is told apart from no such name") {
    World world;
    world.dns.script = [](const DnsQuestion&) { return ClusterDns::answer(DnsRcode::no_error); };
    CHECK(world.attempt().why == "the name exists without an address (NODATA) from 10.96.0.10");
}

TEST_CASE("while the name is absent the plain keys of A and AAAA are never asked") {
    World world;
    world.dns.denials_held = 30s;
    CHECK_FALSE(world.wait(2min));
    CHECK(world.dns.count([](const ClusterDns::Asked& asked) {
        const auto& question = asked.question;
        return !is_private(question) && !question.dnssec_ok && !question.checking_disabled;
    }) == 0);
}

TEST_CASE("a record that comes late is found within a second, however long denials are held") {
    for (const Duration held : {0s, 5s, 30s}) {
        for (const Duration late : {1s, 3s, 7s}) {
            CAPTURE(held / 1s);
            CAPTURE(late / 1s);
            World world;
            world.dns.denials_held = held;
            world.dns.appears = world.start + late;
            REQUIRE(world.wait(1min));
            CHECK(world.elapsed() >= late);
            CHECK(world.elapsed() <= late + (late < 5s ? 1s : 2500ms));
            CHECK(world.dns.asked.size() < 40);
            CHECK(world.route.addresses == std::vector{first_address});
        }
    }
}

TEST_CASE("once private types are proven at the zone's apex, no poll meets another's denial") {
    World world;
    world.dns.zone = "cluster.local";
    world.dns.denials_held = 30s;
    world.dns.appears = world.start + 40s;
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() <= 43s);
    const auto absent = [&](const ClusterDns::Asked& asked) {
        return asked.when < *world.dns.appears && !is_private(asked.question);
    };
    CHECK(world.dns.count(absent) == 0);
    CHECK(world.dns.count(
              [](const auto& asked) { return asked.question.name == "cluster.local"; }) == 1);
}

TEST_CASE("a resolver that fails the proof is polled for addresses as well") {
    World world;
    world.dns.zone = "cluster.local";
    world.dns.appears = world.start + 40s;
    world.dns.script = [&](const DnsQuestion& question) -> std::optional<Resolution> {
        if (!is_private(question)) return std::nullopt;
        auto lie = ClusterDns::answer(DnsRcode::name_error);
        lie.answer.denial_zone = world.dns.zone;
        return lie;
    };
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() <= 45s);
}

TEST_CASE("others' denials of the plain key are passed by") {
    World world;
    world.dns.denials_held = 30s;
    // A raw client asks the plain key every now and then.
    auto raw_client = [&]() -> Task<void> {
        // Named: GCC 12 frees an aggregate temporary of a co_await expression twice.
        const DnsQuestion a{.name = world.route.host, .type = dns_type::a};
        const DnsQuestion aaaa{.name = world.route.host, .type = dns_type::aaaa};
        static_cast<void>(co_await world.dns.ask(a, {}));
        static_cast<void>(co_await world.dns.ask(aaaa, {}));
    };
    run_task(world.context, raw_client());
    world.dns.appears = world.start + 3s;
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() < 4s);
}

TEST_CASE("a resolver that denies private types is polled for the address itself") {
    // Such as an engine's embedded DNS, which forwards unknown types to the outer world: the root's
    // SOA says a day.
    World world;
    world.dns.appears = world.start + 20s;
    world.dns.script = [&](const DnsQuestion& question) -> std::optional<Resolution> {
        const bool absent = world.clock.now() < *world.dns.appears;
        if (!is_private(question) && !absent) return std::nullopt;
        return ClusterDns::answer(DnsRcode::name_error, {}, 86400);
    };
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() < 25s);
}

TEST_CASE("a resolver that says of every private type that it exists is seen through") {
    World world;
    world.dns.denials_held = 30s;
    world.dns.appears = world.start + 20s;
    world.dns.script = [&](const DnsQuestion& question) -> std::optional<Resolution> {
        if (!is_private(question)) return std::nullopt;
        return ClusterDns::answer(DnsRcode::no_error);
    };
    REQUIRE(world.wait(2min));
    CHECK(world.elapsed() < 55s);  // at worst the denial's time: what a plain poll has
    CHECK(world.dns.asked.size() < 60);
}

TEST_CASE("a resolver that refuses private types is polled for the address itself") {
    for (const auto rcode : {DnsRcode::server_failure, DnsRcode::not_implemented, DnsRcode::refused,
                             DnsRcode::format_error}) {
        World world;
        world.dns.appears = world.start + 20s;
        world.dns.script = [&](const DnsQuestion& question) -> std::optional<Resolution> {
            if (!is_private(question)) return std::nullopt;
            return ClusterDns::answer(rcode);
        };
        REQUIRE(world.wait(1min));
        CHECK(world.elapsed() < 25s);
    }
}

TEST_CASE("private types that are dropped on the way are given up soon") {
    World world;
    world.dns.appears = world.start + 20s;
    world.dns.drops = is_private;
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() < 23s);
    // The first look and two polls.
    CHECK(world.dns.count([](const auto& asked) { return is_private(asked.question); }) == 3);
}

TEST_CASE("a private type that is dropped costs the first look a quarter of a second") {
    World world;
    world.dns.record = first_address;
    world.dns.drops = is_private;
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.elapsed() == 250ms);
}

TEST_CASE("a cache that holds a denial for the whole name is got round by DO") {
    // As dnsmasq does: whatever the type and CD, but not under DO.
    World world;
    const TimePoint held_until = world.start + 30s;
    world.dns.appears = world.start + 3s;
    world.dns.zone = "cluster.local";
    world.dns.script = [&](const DnsQuestion& question) -> std::optional<Resolution> {
        if (question.name == world.dns.zone || question.dnssec_ok) return std::nullopt;
        if (world.clock.now() >= held_until) return std::nullopt;
        const auto left = static_cast<std::uint32_t>((held_until - world.clock.now()) / 1s);
        return ClusterDns::answer(DnsRcode::name_error, {}, left);
    };
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() < 12s);
}

TEST_CASE("a server that is starting is asked until it serves") {
    World world;
    world.dns.record = first_address;
    world.dns.script = [&](const DnsQuestion&) -> std::optional<Resolution> {
        if (world.elapsed() > 3s) return std::nullopt;
        return ClusterDns::answer(DnsRcode::server_failure);
    };
    REQUIRE(world.wait(1min));
    CHECK(world.elapsed() < 4s);
}

TEST_CASE("questions are few at first and one in two seconds later") {
    for (const Duration held : {0s, 5s, 30s}) {
        CAPTURE(held / 1s);
        World world;
        world.dns.denials_held = held;
        CHECK_FALSE(world.wait(10min));
        CHECK(world.asked_between(0s, 1s) <= 10);
        CHECK(world.asked_between(0s, 10s) < 40);
        CHECK(world.asked_between(10s, 10min) <= 305);
    }
}

TEST_CASE("a crowd as a whole polls no more than 2,500 times a second") {
    for (const std::uint32_t crowd : {1000U, 5000U, 10000U}) {
        CAPTURE(crowd);
        World world;
        world.crowd = crowd;
        CHECK_FALSE(world.wait(5min));
        // The first look and the proof of the private types come once.
        const double polls = static_cast<double>(world.asked_between(0s, 4s)) - 2;
        CHECK(polls / 4 * crowd <= 2500);
        const double later = static_cast<double>(world.asked_between(10s, 5min)) / 290;
        CHECK(later * crowd <= 2600);
        CHECK(later <= 0.5);
    }
}

TEST_CASE("pods ask the same private type in the same time slot") {
    World world;
    world.dns.denials_held = 30s;
    static_cast<void>(world.attempt());
    static_cast<void>(world.attempt());
    const auto first = world.dns.asked.back().question;
    world.gate.reset();
    static_cast<void>(world.attempt());
    static_cast<void>(world.attempt());
    CHECK(is_private(first));
    CHECK(world.dns.asked.back().question.type == first.type);

    world.clock.advance(250ms);
    world.gate.reset();
    static_cast<void>(world.attempt());
    static_cast<void>(world.attempt());
    CHECK(world.dns.asked.back().question.type != first.type);
}

TEST_CASE("known addresses are not asked again for half a second, then less and less often") {
    World world;
    world.dns.record = first_address;
    Door door([&] { return world.elapsed() > 60s; });
    REQUIRE(world.wait(2min, &door));
    CHECK(world.asked_between(0ms, 500ms) == 2);
    CHECK(world.asked_between(0s, 1s) == 4);
    CHECK(world.asked_between(10s, 60s) <= 28);
}

TEST_CASE("a lead that came back with another address: found in spite of a stale answer") {
    World world;
    world.dns.answers_held = 30s;
    world.dns.record = first_address;
    world.clock.advance(0s);
    Door door([&] {
        if (world.elapsed() > 2s) world.dns.record = second_address;
        return world.route.addresses == std::vector{second_address};
    });
    REQUIRE(world.wait(1min, &door));
    CHECK(world.elapsed() < 20s);
}

TEST_CASE("a DNS that falls silent does not take known addresses away") {
    World world;
    world.dns.record = first_address;
    REQUIRE(world.attempt().answer == Answer::open);
    world.dns.drops = [](const DnsQuestion&) { return true; };
    world.clock.advance(2s);
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{first_address});
}

TEST_CASE("a name that is gone shuts the gate again") {
    World world;
    world.dns.record = first_address;
    REQUIRE(world.attempt().answer == Answer::open);
    world.dns.record.reset();
    world.clock.advance(2s);
    CHECK(world.attempt().answer == Answer::not_yet);
    CHECK(world.route.addresses.empty());
    world.dns.record = second_address;
    REQUIRE(world.wait(1min));
    CHECK(world.route.addresses == std::vector{second_address});
}

TEST_CASE("an old denial under one key does not take known addresses away") {
    World world;
    world.dns.record = first_address;
    REQUIRE(world.attempt().answer == Answer::open);
    world.dns.script = [](const DnsQuestion& question) -> std::optional<Resolution> {
        if (is_private(question)) return std::nullopt;
        return ClusterDns::answer(DnsRcode::name_error, {}, 30);
    };
    world.clock.advance(2s);
    CHECK(world.attempt().answer == Answer::open);
}

TEST_CASE("silence: reported with the servers to look at, and ends in time") {
    World world;
    world.dns.drops = [](const DnsQuestion&) { return true; };
    const auto attempt = world.attempt();
    CHECK(attempt.answer == Answer::not_yet);
    CHECK(attempt.why == "10.96.0.10: no answer");
    CHECK(world.elapsed() == 5s);
    CHECK(world.gate->advice().find("10.96.0.10") != std::string::npos);
}

TEST_CASE("a question that this pod itself could not ask: told as such") {
    World world;
    world.dns.script = [](const DnsQuestion&) {
        Resolution resolution;
        resolution.status = Outcome::own_fault;
        resolution.detail = "10.96.0.10: Too many open files";
        resolution.own_fault = EMFILE;
        return resolution;
    };
    const auto attempt = world.attempt();
    CHECK(attempt.answer == Answer::not_yet);
    CHECK(attempt.own_fault == EMFILE);
    CHECK(world.gate->advice().empty());
}

TEST_CASE("the deadline bounds a try") {
    World world;
    world.dns.drops = [](const DnsQuestion&) { return true; };
    const auto outcome = world.wait(1300ms);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::dns);
    CHECK(world.elapsed() == 1300ms);
}

TEST_CASE("a hosts file that gets the name while a pod waits: opens") {
    World world;
    CHECK(world.attempt().answer == Answer::not_yet);
    world.dir.write("hosts", "10.0.0.7 " + world.route.host + "\n");
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{asio::ip::make_address("10.0.0.7")});
    world.dir.write("hosts", "10.0.0.8 " + world.route.host + "\n");
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.route.addresses == std::vector{asio::ip::make_address("10.0.0.8")});
}

TEST_CASE("without nameservers a name never resolves, but the hosts file still counts") {
    World world;
    world.dns.script = [](const DnsQuestion&) {
        Resolution resolution;
        resolution.status = Outcome::no_servers;
        return resolution;
    };
    // The file may be in the middle of being written.
    CHECK(world.attempt().answer == Answer::not_yet);
    world.clock.advance(9s);
    CHECK(world.attempt().answer == Answer::not_yet);
    world.clock.advance(1s);
    const auto attempt = world.attempt();
    CHECK(attempt.answer == Answer::never);
    CHECK(attempt.why.find("names no nameserver") != std::string::npos);
    CHECK(world.gate->advice().find("dnsPolicy") != std::string::npos);

    world.dir.write("hosts", "10.0.0.7 " + world.route.host + "\n");
    CHECK(world.attempt().answer == Answer::open);
}

TEST_CASE("an invalid name: never asked") {
    World world;
    for (const std::string& name :
         {std::string(), std::string("a..b"), std::string(64, 'x'), std::string(254, 'x')}) {
        world.route.host = name;
        CHECK(world.attempt().answer == Answer::never);
    }
    CHECK(world.dns.asked.empty());
}
