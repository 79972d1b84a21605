// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/reverse_gate.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "fake_clock.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/gates/wait.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using Answer = Attempt::Answer;
using Outcome = Resolution::Status;

namespace {

// What an engine's DNS says of addresses, by the reverse name.
class EngineDns final : public Resolver {
  public:
    Task<Resolution> ask(DnsQuestion question, TimePoint) override {
        ++questions;
        CHECK(question.type == dns_type::ptr);
        Resolution resolution = otherwise;
        resolution.server = "127.0.0.11";
        if (auto found = names.find(question.name); found != names.end()) {
            resolution.status = Outcome::answered;
            resolution.answer.rcode = DnsRcode::no_error;
            resolution.answer.names = found->second;
        }
        co_return resolution;
    }
    [[nodiscard]] std::string servers() const override { return "127.0.0.11"; }

    std::map<std::string, std::vector<std::string>> names;
    Resolution otherwise = denial();
    unsigned questions = 0;

    static Resolution denial() {
        Resolution resolution;
        resolution.status = Outcome::answered;
        resolution.answer.rcode = DnsRcode::name_error;
        return resolution;
    }
};

constexpr const char* first_reverse = "3.0.18.172.in-addr.arpa";
constexpr const char* second_reverse = "7.0.19.172.in-addr.arpa";

struct World {
    asio::io_context context;
    FakeClock clock;
    EngineDns dns;
    std::vector<asio::ip::address> own{asio::ip::make_address("172.18.0.3"),
                                       asio::ip::make_address("172.19.0.7")};
    std::optional<std::string> found;
    std::unique_ptr<Gate> gate = make_reverse_gate(
        {.own_addresses = [this] { return own; }, .rank_of = rank_of, .advice = "give --index"},
        dns, clock, found);

    // "project-flux-2.net" is rank 1.
    static Result<std::uint32_t> rank_of(const std::string& name) {
        const auto label = name.substr(0, name.find('.'));
        const auto dash = label.rfind('-');
        const auto number = dash == std::string::npos
                                ? std::nullopt
                                : parse_number<std::uint32_t>(label.substr(dash + 1));
        if (number && *number > 0) return *number - 1;
        return fail({.code = ExitCode::identity,
                     .doing = "find the rank",
                     .subject = "",
                     .cause = "no ordinal",
                     .tried = "",
                     .hint = ""});
    }
    Attempt attempt() { return run_task(context, gate->attempt(clock.now() + 30s)); }
    Result<WaitSummary> wait() {
        const WaitPolicy policy{.timeout = 30s, .backoff = {}, .seed = 1};
        return run_task(context, wait_for_gates("find the rank by the name of",
                                                std::vector<Gate*>{gate.get()}, policy, clock));
    }
};

}  // namespace

TEST_CASE("a name that gives a rank: open") {
    World world;
    world.dns.names[first_reverse] = {"project-flux-2.project_default"};
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.found == "project-flux-2.project_default");
}

TEST_CASE("a container's id and an alias among the names: the name with the ordinal wins") {
    World world;
    world.dns.names[first_reverse] = {"3f2a9c81d0be", "flux", "project-flux-2", "123456789012"};
    do {
        world.found.reset();
        CHECK(world.attempt().answer == Answer::open);
        CHECK(world.found == "project-flux-2");
    } while (std::next_permutation(world.dns.names[first_reverse].begin(),
                                   world.dns.names[first_reverse].end()));
}

TEST_CASE("a name of the second interface only: found") {
    World world;
    world.dns.names[first_reverse] = {"3f2a9c81d0be"};
    world.dns.names[second_reverse] = {"project-flux-3"};
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.found == "project-flux-3");
}

TEST_CASE("two names of one rank: the same pattern in every pod") {
    World world;
    world.dns.names[first_reverse] = {"project-flux-2", "flux-2"};
    CHECK(world.attempt().answer == Answer::open);
    CHECK(world.found == "flux-2");
}

TEST_CASE("a name that is denied or fails at first: waited for") {
    for (const bool denied : {true, false}) {
        World world;
        if (!denied) {
            world.dns.otherwise.status = Outcome::refused;
            world.dns.otherwise.detail = "127.0.0.11: answers SERVFAIL";
        }
        const auto first = world.attempt();
        CHECK(first.answer == Answer::not_yet);
        CHECK(first.why.find(denied ? "NXDOMAIN" : "SERVFAIL") != std::string::npos);
        world.clock.advance(1500ms);
        world.dns.names[second_reverse] = {"project-flux-1"};
        REQUIRE(world.wait());
        CHECK(world.found == "project-flux-1");
    }
}

TEST_CASE("a name that never comes: identity's code at the deadline, with tries and time") {
    World world;
    const auto start = world.clock.now();
    const auto outcome = world.wait();
    REQUIRE_FALSE(outcome);
    CHECK(world.clock.now() - start == 30s);
    CHECK(outcome.error().code == ExitCode::identity);
    CHECK(outcome.error().subject == "172.18.0.3, 172.19.0.7");
    CHECK(outcome.error().tried.find("tries in 30s") != std::string::npos);
    CHECK(outcome.error().hint == "give --index");
    CHECK_FALSE(world.found);
}

TEST_CASE("names that give no rank: final after five seconds, and all of them are reported") {
    World world;
    world.dns.names[first_reverse] = {"3f2a9c81d0be"};
    const auto start = world.clock.now();
    const auto outcome = world.wait();
    REQUIRE_FALSE(outcome);
    CHECK(world.clock.now() - start < 8s);
    CHECK(outcome.error().code == ExitCode::identity);
    CHECK(outcome.error().cause == "172.18.0.3 is called \"3f2a9c81d0be\": no ordinal");
}

TEST_CASE("two names of different ranks: refused with both") {
    World world;
    world.dns.names[first_reverse] = {"project-flux-2", "other-9"};
    const auto outcome = world.wait();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().cause == "it is rank 1 by the name project-flux-2 and rank 8 by other-9");
}

TEST_CASE("an address that comes later: asked then") {
    World world;
    auto later = std::exchange(world.own, {});
    const auto first = world.attempt();
    CHECK(first.answer == Answer::not_yet);
    CHECK(world.dns.questions == 0);
    world.own = std::move(later);
    world.dns.names[first_reverse] = {"project-flux-2"};
    CHECK(world.attempt().answer == Answer::open);
}

TEST_CASE("no socket for any question: this pod's own fault") {
    World world;
    world.dns.otherwise.status = Outcome::own_fault;
    world.dns.otherwise.own_fault = EMFILE;
    CHECK(world.attempt().own_fault == EMFILE);
}
