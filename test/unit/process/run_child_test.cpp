// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/run_child.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <variant>

#include "fluxpod/process/signals.hpp"

using namespace fluxpod;

namespace {

ChildRequest shell(const std::string& line) {
    ChildRequest request;
    request.program = {.path = "/bin/sh",
                       .argv = {"sh", "-c", line},
                       .environment = Environment({"PATH=/usr/bin:/bin"}),
                       .mask = {}};
    sigemptyset(&request.program.mask);
    return request;
}

ChildOutcome run(const ChildRequest& request) {
    asio::io_context context;
    SteadyClock clock;
    Reaper reaper(context.get_executor());
    auto outcome = run_task(context, run_child(reaper, request, clock));
    REQUIRE(outcome);
    return *outcome;
}

}  // namespace

TEST_CASE("a command's status and both of its streams are answered") {
    auto outcome = run(shell("echo out; echo err >&2; exit 7"));
    CHECK(outcome.exit_code == 7);
    CHECK(outcome.output == "out\n");
    CHECK(outcome.errors == "err\n");
    CHECK_FALSE(outcome.timed_out);
    CHECK_FALSE(outcome.truncated);
}

TEST_CASE("a command that a signal ended is 128+n") {
    CHECK(run(shell("kill -TERM $$")).exit_code == 128 + SIGTERM);
}

TEST_CASE("input arrives whole, also if nobody reads it") {
    auto request = shell("cat");
    request.input = std::string(300'000, 'x') + "end";
    request.max_captured = 1'000'000;
    CHECK(run(request).output == request.input);
    request.program.argv.back() = "exit 4";
    CHECK(run(request).exit_code == 4);
}

TEST_CASE("without input stdin is empty") { CHECK(run(shell("wc -c")).output == "0\n"); }

TEST_CASE("more output than is kept is read and dropped") {
    auto request = shell("head -c 1000000 /dev/zero | tr '\\0' a");
    request.max_captured = 1000;
    auto outcome = run(request);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.truncated);
    CHECK(outcome.output == std::string(1000, 'a'));
}

TEST_CASE("a command that takes too long is ended by SIGTERM") {
    auto request = shell("exec sleep 1000");
    request.timeout = std::chrono::milliseconds(50);
    auto outcome = run(request);
    CHECK(outcome.timed_out);
    CHECK(outcome.exit_code == 128 + SIGTERM);
}

TEST_CASE("a command that ignores SIGTERM is killed with its group") {
    // Ignored from before its start, so that nothing depends on how soon it would do so itself.
    auto* before = ::signal(SIGTERM, SIG_IGN);
    auto request = shell("sleep 1000; sleep 1000");
    request.timeout = request.term_to_kill = std::chrono::milliseconds(50);
    auto outcome = run(request);
    ::signal(SIGTERM, before);
    CHECK(outcome.timed_out);
    CHECK(outcome.exit_code == 128 + SIGKILL);
}

TEST_CASE("a descendant that holds the pipe does not delay the end") {
    // It ends when the test's own process does not read any more.
    auto outcome = run(shell("(while sleep 0.2; do echo again; done) & echo mine; exit 3"));
    CHECK(outcome.exit_code == 3);
    CHECK(outcome.output.starts_with("mine\n"));
}

TEST_CASE("a command that closed its streams is waited for") {
    CHECK(run(shell("exec >&- 2>&-; sleep 0.1; exit 5")).exit_code == 5);
}

TEST_CASE("what cannot be executed says so") {
    ChildRequest request;
    request.program = {.path = "/no/such/file", .argv = {"x"}, .environment = {}, .mask = {}};
    auto outcome = run(request);
    CHECK(outcome.exit_code == 127);
    CHECK(outcome.errors.find("/no/such/file") != std::string::npos);
}

TEST_CASE("a cancelled command is killed") {
    asio::io_context context;
    SteadyClock clock;
    Reaper reaper(context.get_executor());
    auto request = shell("exec sleep 1000");
    auto race = [&]() -> Task<bool> {
        const TimePoint soon = clock.now() + std::chrono::milliseconds(20);
        auto first = co_await (run_child(reaper, request, clock) || clock.sleep_until(soon));
        co_return first.index() == 1;
    };
    CHECK(run_task(context, race()));
    int status = 0;
    REQUIRE(::waitpid(-1, &status, 0) > 0);
    CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("commands that run side by side are told apart") {
    asio::io_context context;
    SteadyClock clock;
    Reaper reaper(context.get_executor());
    auto slow = shell("sleep 0.1; exit 1");
    auto quick = shell("exit 2");
    auto both = [&]() -> Task<std::pair<int, int>> {
        auto [first, second] =
            co_await (run_child(reaper, slow, clock) && run_child(reaper, quick, clock));
        co_return std::pair(first->exit_code, second->exit_code);
    };
    CHECK(run_task(context, both()) == std::pair(1, 2));
}
