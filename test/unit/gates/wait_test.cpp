// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/wait.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <functional>

#include "fake_clock.hpp"
#include "fluxpod/base/own_fault.hpp"
#include "fluxpod/base/together.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using Answer = Attempt::Answer;

namespace {

const Attempt open_now{.answer = Answer::open, .why = {}, .not_before = {}};

Attempt shut(std::string why) { return {.why = std::move(why), .not_before = {}}; }

// A gate whose every attempt is scripted: its number (from 1) and the moment it must give up.
class ScriptedGate final : public Gate {
  public:
    using Script = std::function<Attempt(unsigned number)>;
    ScriptedGate(std::string name, ExitCode code, Script script)
        : name_(std::move(name)), code_(code), script_(std::move(script)) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::string subject() const override { return "pod-0"; }
    [[nodiscard]] ExitCode exit_code() const override { return code_; }
    [[nodiscard]] std::string advice() const override { return "see whether " + name_ + " runs"; }
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override { return own_pace; }
    Task<Attempt> attempt(TimePoint give_up) override {
        last_give_up = give_up;
        co_return script_(++tries);
    }

    unsigned tries = 0;
    TimePoint last_give_up{};
    std::optional<BackoffPolicy> own_pace;

  private:
    std::string name_;
    ExitCode code_;
    Script script_;
};

constexpr BackoffPolicy steady{.first = 100ms, .most = 100ms, .factor = 1, .jitter = 0};

struct World {
    asio::io_context context;
    FakeClock clock;
    WaitPolicy policy{.timeout = 30s, .backoff = steady, .seed = 1};

    Result<WaitSummary> wait(std::vector<Gate*> gates) {
        return run_task(
            context, wait_for_gates("wait for the parent broker", std::move(gates), policy, clock));
    }
};

ScriptedGate opens_at(const char* name, unsigned number) {
    return {name, ExitCode::network,
            [number](unsigned tried) { return tried >= number ? open_now : shut("refused"); }};
}

}  // namespace

TEST_CASE("open gates are passed at once and in order") {
    World world;
    std::string order;
    ScriptedGate dns("DNS", ExitCode::dns, [&](unsigned) {
        order += "d";
        return open_now;
    });
    ScriptedGate tcp("TCP", ExitCode::network, [&](unsigned) {
        order += "t";
        return open_now;
    });
    const auto summary = world.wait({&dns, &tcp});
    REQUIRE(summary);
    CHECK(order == "dt");
    CHECK(summary->elapsed == 0s);
    CHECK(world.clock.sleeps().empty());
}

TEST_CASE("no gate is nothing to wait for") {
    World world;
    CHECK(world.wait({}).has_value());
}

TEST_CASE("the summary counts tries and times of each stage") {
    World world;
    auto dns = opens_at("DNS", 3);
    auto tcp = opens_at("TCP", 2);
    const auto summary = world.wait({&dns, &tcp});
    REQUIRE(summary);
    REQUIRE(summary->stages.size() == 2);
    CHECK(summary->stages[0].gate == "DNS");
    CHECK(summary->stages[0].tries == 4);  // once more after TCP was shut
    CHECK(summary->stages[0].opened_after == 200ms);
    CHECK(summary->stages[0].last_answer == "refused");
    CHECK(summary->stages[1].tries == 2);
    CHECK(summary->stages[1].opened_after == 300ms);
    CHECK(summary->elapsed == 300ms);
}

TEST_CASE("after a shut gate the round begins with the first gate again") {
    World world;
    auto dns = opens_at("DNS", 1);
    auto tcp = opens_at("TCP", 5);
    REQUIRE(world.wait({&dns, &tcp}));
    CHECK(dns.tries == 5);
}

TEST_CASE("a wait that fails ends exactly at its deadline") {
    World world;
    auto gate = opens_at("TCP", 1'000'000);
    const auto start = world.clock.now();
    SUBCASE("which is a multiple of the delay") {}
    SUBCASE("which falls into a delay") { world.policy.timeout = 30s + 37ms; }
    SUBCASE("which is shorter than the first delay") { world.policy.timeout = 3ms; }
    SUBCASE("which is now") { world.policy.timeout = 0s; }
    SUBCASE("whatever the jitter") { world.policy.backoff = BackoffPolicy{}; }
    const auto outcome = world.wait({&gate});
    REQUIRE_FALSE(outcome);
    CHECK(world.clock.now() - start == world.policy.timeout);
    CHECK(gate.last_give_up == start + world.policy.timeout);
    CHECK(gate.tries >= 1);
}

TEST_CASE("the error has the shut gate's code, every stage's last answer, the tries and advice") {
    World world;
    auto dns = opens_at("DNS", 1);
    auto tcp = opens_at("TCP", 1'000'000);
    auto curve = opens_at("CURVE", 1);
    const auto outcome = world.wait({&dns, &tcp, &curve});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::network);
    CHECK(outcome.error().doing == "wait for the parent broker");
    CHECK(outcome.error().subject == "pod-0");
    CHECK(outcome.error().cause == "DNS: open; TCP: refused; CURVE: not tried yet");
    CHECK(outcome.error().tried == "300 tries in 30s");
    CHECK(outcome.error().hint == "see whether TCP runs");
}

TEST_CASE("a try that this pod itself could not make: code 126, and the peer is not blamed") {
    World world;
    auto dns = opens_at("DNS", 1);
    ScriptedGate tcp("TCP", ExitCode::network, [](unsigned) {
        return Attempt{.why = "Too many open files", .own_fault = EMFILE, .not_before = {}};
    });
    const auto outcome = world.wait({&dns, &tcp});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::cannot_run);
    CHECK(outcome.error().cause == "DNS: open; TCP: this pod could not try: Too many open files");
    CHECK(outcome.error().hint == own_fault_advice(EMFILE));
}

TEST_CASE("a shortage that passed before the last try: the peer's answer counts") {
    World world;
    ScriptedGate tcp("TCP", ExitCode::network, [](unsigned number) {
        if (number > 3) return shut("refused");
        return Attempt{.why = "Too many open files", .own_fault = EMFILE, .not_before = {}};
    });
    const auto outcome = world.wait({&tcp});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::network);
    CHECK(outcome.error().cause == "refused");
}

TEST_CASE("never ends the wait at once") {
    World world;
    ScriptedGate gate("CURVE", ExitCode::curve, [](unsigned number) {
        if (number < 3) return shut("closed");
        return Attempt{.answer = Answer::never, .why = "another key", .not_before = {}};
    });
    const auto start = world.clock.now();
    const auto outcome = world.wait({&gate});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::curve);
    CHECK(outcome.error().cause == "another key");
    CHECK(outcome.error().tried == "3 tries in 200ms");
    CHECK(world.clock.now() - start == 200ms);
}

TEST_CASE("a gate that names a moment is not asked before it") {
    World world;
    const auto start = world.clock.now();
    ScriptedGate gate("DNS", ExitCode::dns, [&](unsigned number) {
        if (number == 2) return open_now;
        auto attempt = shut("denied");
        attempt.not_before = start + 5s;
        return attempt;
    });
    REQUIRE(world.wait({&gate}));
    CHECK(world.clock.now() - start == 5s);
    CHECK(gate.tries == 2);
}

TEST_CASE("a moment past the deadline does not prolong the wait") {
    World world;
    const auto start = world.clock.now();
    ScriptedGate gate("DNS", ExitCode::dns, [&](unsigned) {
        auto attempt = shut("denied");
        attempt.not_before = start + 24h;
        return attempt;
    });
    REQUIRE_FALSE(world.wait({&gate}));
    CHECK(world.clock.now() - start == 30s);
}

TEST_CASE("a delay counts from the start of the try") {
    World world;
    ScriptedGate gate("TCP", ExitCode::network, [&](unsigned number) {
        world.clock.advance(500ms);  // a try that took longer than the delay
        return number == 3 ? open_now : shut("no answer");
    });
    const auto start = world.clock.now();
    REQUIRE(world.wait({&gate}));
    CHECK(world.clock.now() - start == 1500ms);
}

TEST_CASE("a gate's own pace goes before the loop's") {
    World world;
    auto gate = opens_at("TCP", 4);
    gate.own_pace = BackoffPolicy{.first = 10ms, .most = 10ms, .factor = 1, .jitter = 0};
    const auto start = world.clock.now();
    REQUIRE(world.wait({&gate}));
    CHECK(world.clock.now() - start == 30ms);
}

TEST_CASE("another seed is another schedule and the same seed is the same") {
    std::vector<std::vector<Duration>> schedules;
    for (const std::uint64_t seed : {1U, 1U, 2U}) {
        World world;
        world.policy.backoff = BackoffPolicy{};
        world.policy.seed = seed;
        auto gate = opens_at("TCP", 6);
        REQUIRE(world.wait({&gate}));
        schedules.push_back(world.clock.sleeps());
    }
    CHECK(schedules[0] == schedules[1]);
    CHECK(schedules[0] != schedules[2]);
}

TEST_CASE("a wait is cancelled at once, whatever it sleeps on") {
    World world;
    auto gate = opens_at("TCP", 1'000'000);
    auto race = [&]() -> Task<std::size_t> {
        auto wait = wait_for_gates("wait", std::vector<Gate*>{&gate}, world.policy, world.clock);
        auto signal = world.clock.sleep_until(world.clock.now() + 1s);
        auto first = co_await (std::move(wait) || std::move(signal));
        co_return first.index();
    };
    const auto start = world.clock.now();
    CHECK(run_task(world.context, race()) == 1);
    CHECK(world.clock.now() - start == 1s);
}

TEST_CASE("tasks side by side end together once there is enough") {
    World world;
    std::vector<Duration> ended;
    auto sleeper = [&](Duration nap) -> Task<void> {
        co_await world.clock.sleep_until(TimePoint(1h) + nap);
        ended.push_back(nap);
    };
    std::vector<Task<void>> tasks;
    for (const auto nap : {3s, 1s, 2s}) tasks.push_back(sleeper(nap));

    SUBCASE("all of them") {
        run_task(world.context, together(std::move(tasks), [] { return false; }));
        CHECK(ended == std::vector<Duration>{1s, 2s, 3s});
    }
    SUBCASE("or the first two") {
        run_task(world.context, together(std::move(tasks), [&] { return ended.size() == 2; }));
        CHECK(ended == std::vector<Duration>{1s, 2s});
        CHECK(world.clock.now() == TimePoint(1h) + 2s);
    }
    SUBCASE("an exception of one is thrown on and stops the others") {
        tasks.push_back([]() -> Task<void> {
            throw std::runtime_error("broken");
            co_return;
        }());
        CHECK_THROWS_WITH(run_task(world.context, together(std::move(tasks), [] { return false; })),
                          "broken");
        CHECK(ended.empty());
    }
    SUBCASE("none are done at once") {
        tasks.clear();
        run_task(world.context, together(std::move(tasks), [] { return false; }));
    }
}
