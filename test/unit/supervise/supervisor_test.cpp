// SPDX-License-Identifier: Apache-2.0
// Brokers are lines of shell, which tell their supervisor to end by `kill -TERM $PPID`; no time
// passes but what a test lets pass. Real brokers: test/cluster/test_supervise.py.
#include "fluxpod/supervise/supervisor.hpp"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <boost/asio/steady_timer.hpp>
#include <filesystem>

#include "blocked_signals.hpp"
#include "fake_clock.hpp"
#include "fluxpod/supervise/rejoin_budget.hpp"
#include "held_clock.hpp"
#include "temp_dir.hpp"

using namespace fluxpod;
using namespace std::chrono_literals;

namespace {

constexpr int network = to_int(ExitCode::network);
// A shell can miss a signal that comes just before it blocks, and so can its child just before it
// is `sleep`. It is for milliseconds; the bound is for a test that is killed.
constexpr const char* wait_for_ever = "while [ $((i += 1)) -lt 100000000 ]; do :; done";

Task<void> never() {
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

class Scene {
  public:
    explicit Scene(const std::string& line) {
        what.broker = {.path = "/bin/sh",
                       .argv = {"sh", "-c", line, "sh", dir / "heard"},
                       .environment = Environment({"PATH=/usr/bin:/bin"}),
                       .mask = {}};
        sigemptyset(&what.broker.mask);
        what.is_lead = false;
        what.grace = 10s;
        what.approach = [this]() -> Task<Result<int>> {
            ++approaches;
            co_return 0;
        };
        what.launched = [this] { ++launches; };
        what.parent_lost = [this](ParentSeen& noted) -> Task<std::string> {
            noted = seen;
            if (lost.empty()) co_await never();
            co_return lost;
        };
        what.before_the_end = [](TimePoint) -> Task<void> { co_return; };
        what.program_began = [](TimePoint) -> Task<bool> { co_return false; };
    }
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;
    ~Scene() { ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); }

    Result<Ending> run(Clock& with) {
        asio::io_context context;
        Reaper reaper(context.get_executor());
        return run_task(context, supervise(reaper, what, with));
    }
    Ending ending(Clock& with) {
        auto outcome = run(with);
        REQUIRE(outcome);
        return *outcome;
    }
    Ending ending() { return ending(clock); }

    // From then on the supervisor is at the gates, and told to end there.
    void ends_at_gates(int visit) {
        what.approach = [this, visit]() -> Task<Result<int>> {
            if (++approaches == visit) {
                ::raise(SIGTERM);
                co_await never();
            }
            co_return 0;
        };
    }

    test::BlockedSignals blocked;
    test::TempDir dir;
    test::HeldClock clock;
    Supervised what;
    ParentSeen seen;
    std::string lost;  // at once, if not empty
    int approaches = 0;
    int launches = 0;
};

// Stands still, and tells us to end in the pause before a broker's next start, the only sleep that
// is shorter than a second.
class SignalInThePause final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override { return TimePoint(1h); }
    [[nodiscard]] Task<void> sleep_until(TimePoint when) override {
        if (when - now() < 1s) ::raise(SIGTERM);
        co_await never();
    }
};

}  // namespace

TEST_CASE("a follower whose parent is lost goes back to the gates at once, each time") {
    Scene scene(wait_for_ever);
    scene.seen = {.connected = true, .joined = true};
    scene.lost = "it refuses connections";
    scene.ends_at_gates(4);
    const TimePoint before = scene.clock.now();
    CHECK(scene.ending().exit_code == 128 + SIGTERM);
    CHECK(scene.launches == 3);
    CHECK(scene.clock.now() == before);
}

TEST_CASE("a parent that shut down in order: known before leftovers are ended, if it is rejoined") {
    struct Row {
        WhenParentLeaves when;
        std::string line;
        int heard;
    };
    for (const auto& row :
         {Row{WhenParentLeaves::rejoin, "exit 0", 1}, Row{WhenParentLeaves::rejoin, "exit 1", 0},
          Row{WhenParentLeaves::automatic, "exit 0", 0}}) {
        const auto& [when, line, heard] = row;
        CAPTURE(row.line);
        // The broker leaves a child, which would be ended first.
        Scene scene("sleep 1000 & " + line);
        scene.seen = {.connected = true, .joined = true};
        scene.what.when_parent_leaves = when;
        scene.ends_at_gates(2);
        int calls = 0;
        scene.what.parent_shut_down = [&]() -> Task<void> {
            ++calls;
            siginfo_t child{};
            CHECK(::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0);
            co_return;
        };
        static_cast<void>(scene.ending());
        CHECK(calls == heard);
    }
}

TEST_CASE("brokers that end and never joined are started again only so often") {
    struct Row {
        std::string line;
        int exit_code;
    };
    // A lead that ends in order before anybody joined did not succeed.
    for (const auto& row : {Row{"exit 9", 9}, Row{"exit 0", network}}) {
        CAPTURE(row.line);
        Scene scene(row.line);
        scene.what.when_parent_leaves = WhenParentLeaves::rejoin;
        scene.seen.connected = true;
        test::FakeClock clock;
        const Ending ending = scene.ending(clock);
        CHECK(ending.exit_code == row.exit_code);
        CHECK(ending.why.find("started again too often") != std::string::npos);
        CHECK(scene.launches == 1 + RejoinBudget::max_failures_in_a_row);
    }
}

TEST_CASE("what a follower does when its broker ends is as --when-parent-leaves says") {
    using When = WhenParentLeaves;
    constexpr int again = -1;
    struct Row {
        When when;
        int in_order, died, lost;
    };
    constexpr std::array rows{
        Row{.when = When::automatic, .in_order = 0, .died = again, .lost = again},
        Row{.when = When::rejoin, .in_order = again, .died = again, .lost = again},
        Row{.when = When::complete, .in_order = 0, .died = 0, .lost = 0},
        Row{.when = When::fail, .in_order = 0, .died = network, .lost = network},
    };
    auto ends_with = [](When when, const std::string& line, const std::string& lost) {
        Scene scene(line);
        scene.what.when_parent_leaves = when;
        scene.seen = {.connected = true, .joined = true};
        scene.lost = lost;
        scene.ends_at_gates(2);
        const Ending ending = scene.ending();
        return scene.approaches == 2 ? again : ending.exit_code;
    };
    for (const auto& row : rows) {
        CAPTURE(static_cast<int>(row.when));
        CHECK(ends_with(row.when, "exit 0", "") == row.in_order);
        CHECK(ends_with(row.when, "exit 9", "") == row.died);
        CHECK(ends_with(row.when, wait_for_ever, "it is silent") == row.lost);
    }
}

TEST_CASE("a watch that the broker's end interrupts has seen nothing") {
    Scene scene("exit 0");
    scene.what.parent_lost = [](ParentSeen& seen) -> Task<std::string> {
        seen = {.connected = true, .joined = true};
        asio::steady_timer connect(co_await asio::this_coro::executor,
                                   asio::steady_timer::time_point::max());
        static_cast<void>(co_await connect.async_wait(as_result));
        co_return "its connect was cancelled";
    };
    scene.ends_at_gates(2);
    CHECK(scene.ending().exit_code == 0);
    CHECK(scene.approaches == 1);
}

TEST_CASE("a broker that fails before any was connected is final, whatever is wanted") {
    using When = WhenParentLeaves;
    for (const When when : {When::automatic, When::rejoin, When::complete, When::fail}) {
        Scene scene("exit 9");
        scene.what.when_parent_leaves = when;
        const Ending ending = scene.ending();
        CHECK(ending.exit_code == 9);
        CHECK(ending.why == "the broker ended with status 9");
        CHECK(scene.approaches == 1);
    }
}

TEST_CASE("a broker that lost its connection after one had joined: not a final fault") {
    Scene scene("exit 9");
    scene.what.parent_lost = [&](ParentSeen& seen) -> Task<std::string> {
        seen.connected = scene.launches == 1;
        co_await never();
        co_return "";
    };
    scene.ends_at_gates(3);
    test::FakeClock clock;
    (void)scene.ending(clock);
    CHECK(scene.launches == 2);
}

TEST_CASE("gates that fail are the error, and no broker is started") {
    Scene scene("exit 9");
    scene.what.approach = []() -> Task<Result<int>> {
        const Error error{.code = ExitCode::dns,
                          .doing = "wait",
                          .subject = "",
                          .cause = "silence",
                          .tried = "",
                          .hint = ""};
        co_return fail(error);
    };
    const auto outcome = scene.run(scene.clock);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::dns);
    CHECK(scene.launches == 0);
}

TEST_CASE("told to end at the gates: 128 and the signal, and no broker is started") {
    Scene scene("exit 9");
    scene.ends_at_gates(1);
    const Ending ending = scene.ending();
    CHECK(ending.exit_code == 128 + SIGTERM);
    CHECK(ending.why == "SIGTERM came before the launch");
    CHECK(scene.launches == 0);
}

TEST_CASE("told to end in the pause before the next start, no broker is started any more") {
    Scene scene("exit 9");
    scene.seen.connected = true;
    SignalInThePause clock;
    CHECK(scene.ending(clock).exit_code == 128 + SIGTERM);
    CHECK(scene.approaches == 1);
    CHECK(scene.launches == 1);
}

TEST_CASE("told to end while a broker runs, what is to be done before has half of the time") {
    Scene scene(std::string("kill -TERM $PPID; ") + wait_for_ever);
    const TimePoint before = scene.clock.now();
    std::optional<TimePoint> limit;
    scene.what.before_the_end = [&](TimePoint given) -> Task<void> {
        limit = given;
        co_return;
    };
    const Ending ending = scene.ending();
    CHECK(ending.exit_code == 128 + SIGTERM);
    CHECK(limit == before + 4s);  // of 10 s, 2 are in reserve
    CHECK(scene.approaches == 1);
}

TEST_CASE("a broker that hears the first SIGTERM only gets a second one before its time is up") {
    Scene scene(R"(trap 'trap "exit 3" TERM; : >"$1"' TERM; kill -TERM $PPID; )" +
                std::string(wait_for_ever));
    const TimePoint before = scene.clock.now();
    auto pass_three_quarters = [&]() -> Task<void> {
        const auto executor = co_await asio::this_coro::executor;
        while (!std::filesystem::exists(scene.dir / "heard") || !scene.clock.advance_to_next()) {
            co_await asio::post(executor, asio::use_awaitable);
        }
    };
    scene.what.before_the_end = [&](TimePoint) -> Task<void> {
        const auto executor = co_await asio::this_coro::executor;
        asio::co_spawn(executor, pass_three_quarters(), asio::detached);
    };
    const Ending ending = scene.ending();
    CHECK(ending.why == "told to end by SIGTERM, the broker ended with status 3");
    CHECK(scene.clock.now() == before + 6s);
}

TEST_CASE("a broker that does not end is killed when the reserve begins") {
    struct Row {
        Duration grace, patience;
    };
    for (const Row& row : {Row{10s, 8s}, Row{60s, 57s}}) {
        Scene scene(std::string("trap '' TERM; kill -TERM $PPID; ") + wait_for_ever);
        scene.what.grace = row.grace;
        const TimePoint before = scene.clock.now();
        auto pass_all = [&]() -> Task<void> {
            const auto executor = co_await asio::this_coro::executor;
            while (scene.clock.now() < before + row.patience) {
                (void)scene.clock.advance_to_next();
                co_await asio::post(executor, asio::use_awaitable);
            }
        };
        scene.what.before_the_end = [&](TimePoint limit) -> Task<void> {
            scene.clock.advance(limit - scene.clock.now());
            const auto executor = co_await asio::this_coro::executor;
            asio::co_spawn(executor, pass_all(), asio::detached);
        };
        const Ending ending = scene.ending();
        CHECK(ending.exit_code == 128 + SIGKILL);
        CHECK(ending.why.find("took too long") != std::string::npos);
        CHECK(scene.clock.now() == before + row.patience);
    }
}

TEST_CASE("questions that nobody answers: the broker is told to end in time nevertheless") {
    Scene scene(std::string("trap 'exit 0' TERM; kill -TERM $PPID; ") + wait_for_ever);
    scene.what.is_lead = true;
    scene.what.has_program = true;
    scene.what.program_began = [](TimePoint) -> Task<bool> {
        co_await never();
        co_return true;
    };
    const TimePoint before = scene.clock.now();
    const TimePoint told_by = before + 4s + 800ms;
    auto pass_the_first_part = [&]() -> Task<void> {
        const auto executor = co_await asio::this_coro::executor;
        while (scene.clock.now() < told_by) {
            (void)scene.clock.advance_to_next();
            co_await asio::post(executor, asio::use_awaitable);
        }
    };
    scene.what.before_the_end = [&](TimePoint) -> Task<void> {
        asio::co_spawn(co_await asio::this_coro::executor, pass_the_first_part(), asio::detached);
        co_await never();
    };
    CHECK(scene.ending().exit_code == 128 + SIGTERM);
    CHECK(scene.clock.now() == told_by);
}

TEST_CASE("a broker that may be dumping: no second SIGTERM, and nearly all of the grace period") {
    struct Row {
        bool dumping;
        std::size_t told;
        Duration patience;
    };
    for (const auto& row : {Row{false, 2, 8s}, Row{true, 1, 9s}}) {
        CAPTURE(row.dumping);
        Scene scene(std::string(R"(trap 'echo told >>"$1"' TERM; kill -TERM $PPID; )") +
                    wait_for_ever);
        const TimePoint before = scene.clock.now();
        auto told = [&] {
            const auto file = scene.dir / "heard";
            return std::filesystem::exists(file) ? std::filesystem::file_size(file) / 5 : 0;
        };
        auto pass_all = [&]() -> Task<void> {
            const auto executor = co_await asio::this_coro::executor;
            // Each SIGTERM is heard before time goes on to the next moment.
            for (std::size_t expected = 1; scene.clock.now() < before + row.patience;) {
                const bool heard = told() >= std::min(expected, row.told);
                if (heard && scene.clock.advance_to_next()) ++expected;
                co_await asio::post(executor, asio::use_awaitable);
            }
        };
        scene.what.may_be_dumping = [&]() -> Task<bool> { co_return row.dumping; };
        scene.what.before_the_end = [&](TimePoint) -> Task<void> {
            const auto executor = co_await asio::this_coro::executor;
            asio::co_spawn(executor, pass_all(), asio::detached);
        };
        CHECK(scene.ending().exit_code == 128 + SIGKILL);
        CHECK(scene.clock.now() == before + row.patience);
        CHECK(told() == row.told);
    }
}

TEST_CASE("the status of a broker that was hurried counts only if it had jobs to lose") {
    struct Row {
        bool state_is_kept;
        int exit_code;
    };
    for (const auto& row : {Row{true, 0}, Row{false, 128 + SIGTERM}}) {
        CAPTURE(row.state_is_kept);
        Scene scene(R"(trap 'test -e "$1" && exit 129; echo told >"$1"' TERM; kill -TERM $PPID; )" +
                    std::string(wait_for_ever));
        scene.what.is_lead = true;
        auto pass_once_told = [&]() -> Task<void> {
            const auto executor = co_await asio::this_coro::executor;
            while (!std::filesystem::exists(scene.dir / "heard")) {
                co_await asio::post(executor, asio::use_awaitable);
            }
            (void)scene.clock.advance_to_next();
        };
        if (row.state_is_kept) {
            scene.what.may_be_dumping = []() -> Task<bool> { co_return false; };
        }
        scene.what.before_the_end = [&](TimePoint) -> Task<void> {
            const auto executor = co_await asio::this_coro::executor;
            asio::co_spawn(executor, pass_once_told(), asio::detached);
        };
        CHECK(scene.ending().exit_code == row.exit_code);
    }
}

TEST_CASE("state that is saved early may take until the broker is killed, and no longer") {
    Scene scene(std::string("trap '' TERM; kill -TERM $PPID; ") + wait_for_ever);
    scene.what.is_lead = true;
    scene.what.grace = 10s;
    const TimePoint before = scene.clock.now();
    auto pass_all = [&]() -> Task<void> {
        const auto executor = co_await asio::this_coro::executor;
        while (scene.clock.now() < before + 8s) {
            (void)scene.clock.advance_to_next();
            co_await asio::post(executor, asio::use_awaitable);
        }
    };
    std::vector<std::string> order;
    scene.what.before_the_end = [&](TimePoint) -> Task<void> {
        order.emplace_back("before the end");
        co_return;
    };
    scene.what.save_early = [&](TimePoint kill_at) -> Task<void> {
        order.emplace_back("save");
        CHECK(kill_at == before + 8s);
        asio::co_spawn(co_await asio::this_coro::executor, pass_all(), asio::detached);
        co_await never();
    };
    CHECK(scene.ending().exit_code == 128 + SIGKILL);
    CHECK(scene.clock.now() == before + 8s);
    CHECK(order == std::vector<std::string>{"before the end", "save"});
}

TEST_CASE("a second signal ends everything at once") {
    Scene scene(std::string("trap '' TERM; kill -TERM $PPID; ") + wait_for_ever);
    scene.what.before_the_end = [](TimePoint) -> Task<void> {
        ::raise(SIGINT);
        co_await never();
    };
    const TimePoint before = scene.clock.now();
    CHECK(scene.ending().exit_code == 128 + SIGKILL);
    CHECK(scene.clock.now() == before);
}

TEST_CASE("a lead that nobody told to end ends as its broker does, and only once") {
    for (const int status : {0, 7, 127}) {
        Scene scene("exit " + std::to_string(status));
        scene.what.is_lead = true;
        const Ending ending = scene.ending();
        CHECK(ending.exit_code == status);
        CHECK(ending.why.empty() == (status == 0));
        CHECK(scene.launches == 1);
    }
}

TEST_CASE("a lead told to end: exits 0 only if its program did") {
    enum class Program { none, not_begun, begun };
    struct Row {
        Program program;
        int status, exit_code;
    };
    constexpr std::array rows{
        Row{.program = Program::none, .status = 0, .exit_code = 0},
        Row{.program = Program::none, .status = 1, .exit_code = 128 + SIGTERM},
        Row{.program = Program::not_begun, .status = 0, .exit_code = 128 + SIGTERM},
        Row{.program = Program::not_begun, .status = 1, .exit_code = 128 + SIGTERM},
        Row{.program = Program::begun, .status = 0, .exit_code = 0},
        Row{.program = Program::begun, .status = 129, .exit_code = 129},
    };
    for (const auto& row : rows) {
        CAPTURE(static_cast<int>(row.program));
        CAPTURE(row.status);
        Scene scene("trap 'exit " + std::to_string(row.status) + "' TERM; kill -TERM $PPID; " +
                    wait_for_ever);
        scene.what.is_lead = true;
        scene.what.has_program = row.program != Program::none;
        scene.what.program_began = [&](TimePoint) -> Task<bool> {
            co_return row.program == Program::begun;
        };
        const Ending ending = scene.ending();
        CHECK(ending.exit_code == row.exit_code);
        CHECK(ending.why.empty() == (row.exit_code == 0));
    }
}

TEST_CASE("a lead whose broker ended before the signal: the broker's own status") {
    for (const int status : {0, 7}) {
        Scene scene("kill -TERM $PPID; exit " + std::to_string(status));
        scene.what.is_lead = true;
        scene.what.has_program = true;
        scene.what.program_began = [](TimePoint) -> Task<bool> {
            co_await never();
            co_return false;
        };
        CHECK(scene.ending().exit_code == status);
    }
}
