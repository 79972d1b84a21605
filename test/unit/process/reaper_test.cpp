// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/reaper.hpp"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/process/child_status.hpp"
#include "fluxpod/process/signals.hpp"

using namespace fluxpod;

namespace {

Program shell(const std::string& line) {
    Program program{.path = "/bin/sh",
                    .argv = {"sh", "-c", line},
                    .environment = Environment({"PATH=/usr/bin:/bin"}),
                    .mask = {}};
    sigemptyset(&program.mask);
    return program;
}

struct World {
    asio::io_context context;
    Reaper reaper{context.get_executor()};
    Child start(const std::string& line, ChildEvents events = {}) {
        auto child = reaper.start(shell(line), {}, std::move(events));
        REQUIRE(child);
        return *child;
    }
};

}  // namespace

TEST_CASE("a child's end is handed to who awaits it, and its number is forgotten") {
    World world;
    Child child = world.start("exit 9");
    CHECK(child.pid() > 0);
    CHECK(exit_code_of(run_task(world.context, world.reaper.end_of(child))) == 9);
    CHECK(child.pid() == 0);
    child.signal(SIGKILL);
    child.signal_group(SIGKILL);
}

TEST_CASE("children that end together are all noticed, in whatever order they are awaited") {
    World world;
    std::vector<Child> children;
    for (int i = 0; i < 40; ++i) children.push_back(world.start("exit " + std::to_string(i)));
    for (std::size_t i = children.size(); i-- > 0;) {
        const int status = run_task(world.context, world.reaper.end_of(children[i]));
        CHECK(exit_code_of(status) == static_cast<int>(i));
    }
}

TEST_CASE("two waits side by side both end") {
    World world;
    Child first = world.start("sleep 0.05; exit 1");
    Child second = world.start("sleep 0.05; exit 2");
    auto both = [&]() -> Task<int> {
        auto [one, two] = co_await (world.reaper.end_of(first) && world.reaper.end_of(second));
        co_return exit_code_of(one) * 10 + exit_code_of(two);
    };
    CHECK(run_task(world.context, both()) == 12);
}

TEST_CASE("the end of a child that another wait reaped is not missed") {
    World world;
    Child first = world.start("exit 1");
    Child second = world.start("exit 2");
    // Both are zombies before anybody looks.
    siginfo_t ignored{};
    ::waitid(P_PID, static_cast<id_t>(first.pid()), &ignored, WEXITED | WNOWAIT);
    ::waitid(P_PID, static_cast<id_t>(second.pid()), &ignored, WEXITED | WNOWAIT);
    CHECK(exit_code_of(run_task(world.context, world.reaper.end_of(first))) == 1);
    CHECK(second.has_ended());
    CHECK(exit_code_of(run_task(world.context, world.reaper.end_of(second))) == 2);
}

TEST_CASE("orphans are reaped while nobody awaits a child") {
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    World world;
    Child parent = world.start("sleep 0.05 & exit 0");
    CHECK(run_task(world.context, world.reaper.end_of(parent)) == 0);
    auto until_alone = [&]() -> Task<void> {
        SteadyClock clock;
        siginfo_t ignored{};
        while (::waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0) {
            co_await clock.sleep_until(clock.now() + std::chrono::milliseconds(1));
        }
    };
    auto race = [&]() -> Task<std::size_t> {
        auto first = co_await (until_alone() || world.reaper.reap_for_ever());
        co_return first.index();
    };
    CHECK(run_task(world.context, race()) == 0);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

TEST_CASE("a stop: reported, and not an end") {
    World world;
    std::vector<int> stops;
    Child child =
        world.start("kill -STOP $$; exit 6",
                    {.stopped = [&](int number) { stops.push_back(number); }, .ended = [] {}});
    auto resume = [&]() -> Task<int> {
        SteadyClock clock;
        while (stops.empty()) {
            const TimePoint soon = clock.now() + std::chrono::milliseconds(1);
            (void)co_await (world.reaper.reap_for_ever() || clock.sleep_until(soon));
        }
        child.signal(SIGCONT);
        co_return co_await world.reaper.end_of(child);
    };
    CHECK(exit_code_of(run_task(world.context, resume())) == 6);
    CHECK(stops == std::vector<int>{SIGSTOP});
}

TEST_CASE("SIGCHLD may be ignored before; afterwards mask and disposition are as they were") {
    struct sigaction before {};
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGCHLD, &ignore, &before);
    {
        World world;
        Child child = world.start("exit 3");
        CHECK(exit_code_of(run_task(world.context, world.reaper.end_of(child))) == 3);
    }
    struct sigaction after {};
    ::sigaction(SIGCHLD, &before, &after);
    const bool still_ignored = after.sa_handler == SIG_IGN;
    CHECK(still_ignored);
    sigset_t mask;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask);
    CHECK(sigismember(&mask, SIGCHLD) == 0);
}
