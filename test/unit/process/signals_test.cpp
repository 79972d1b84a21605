// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/signals.hpp"

#include <doctest/doctest.h>

#include <variant>

#include "blocked_signals.hpp"
#include "fluxpod/base/clock.hpp"

using namespace fluxpod;

namespace {

struct BlockedSignals : test::BlockedSignals {
    BlockedSignals() { narrow_to_boot_signals(inherited); }
};

Task<void> never() {
    SteadyClock clock;
    co_await clock.sleep_until(clock.now() + std::chrono::hours(1));
}

}  // namespace

TEST_CASE("without a signal nothing is pending") {
    BlockedSignals blocked;
    CHECK_FALSE(pending_boot_signal());
}

TEST_CASE("each signal that ends a boot is noticed and stays pending for the broker") {
    for (int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP}) {
        BlockedSignals blocked;
        ::raise(number);
        asio::io_context context;
        CHECK(run_task(context, next_boot_signal()) == number);
        CHECK(pending_boot_signal() == number);
    }
}

TEST_CASE("SIGTERM goes before other pending signals") {
    BlockedSignals blocked;
    ::raise(SIGHUP);
    ::raise(SIGTERM);
    CHECK(pending_boot_signal() == SIGTERM);
}

TEST_CASE("a signal ends a wait at once") {
    BlockedSignals blocked;
    asio::io_context context;
    asio::post(context, [] { ::raise(SIGINT); });
    auto race = []() -> Task<int> {
        auto first = co_await (never() || next_boot_signal());
        co_return std::get<1>(first);
    };
    CHECK(run_task(context, race()) == SIGINT);
}

TEST_CASE("the inherited mask comes back as it was") {
    sigset_t before;
    ::sigprocmask(SIG_SETMASK, nullptr, &before);
    const sigset_t inherited = block_all_signals();
    set_signal_mask(inherited);
    sigset_t after;
    ::sigprocmask(SIG_SETMASK, nullptr, &after);
    for (int number = 1; number < 32; ++number) {
        CHECK(sigismember(&before, number) == sigismember(&after, number));
    }
}

TEST_CASE("only what ends a boot, and what was inherited, stays blocked during one") {
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigset_t before;
    ::sigprocmask(SIG_BLOCK, &usr1, &before);
    const sigset_t inherited = block_all_signals();
    narrow_to_boot_signals(inherited);
    sigset_t during;
    ::sigprocmask(SIG_SETMASK, &before, &during);
    for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1}) {
        CHECK(sigismember(&during, number) == 1);
    }
    for (int number : {SIGTSTP, SIGCHLD, SIGUSR2, SIGSEGV, SIGWINCH}) {
        CHECK(sigismember(&during, number) == 0);
    }
}

TEST_CASE("signals have names") {
    CHECK(signal_name(SIGTERM) == "SIGTERM");
    CHECK(signal_name(999) == "signal 999");
}
