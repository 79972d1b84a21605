// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/signals.hpp"

#include <sys/signalfd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

namespace {

constexpr std::array<int, 4> boot_signals{SIGTERM, SIGINT, SIGQUIT, SIGHUP};

sigset_t boot_signal_set() {
    sigset_t set;
    sigemptyset(&set);
    for (int number : boot_signals) sigaddset(&set, number);
    return set;
}

}  // namespace

sigset_t block_all_signals() {
    sigset_t all;
    sigfillset(&all);
    sigset_t inherited;
    ::pthread_sigmask(SIG_BLOCK, &all, &inherited);
    return inherited;
}

void narrow_to_boot_signals(const sigset_t& inherited) {
    sigset_t blocked = inherited;
    for (int number : boot_signals) sigaddset(&blocked, number);
    sigaddset(&blocked, SIGPIPE);
    set_signal_mask(blocked);
}

void set_signal_mask(const sigset_t& mask) { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }

sigset_t only_signal(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

void set_to_default(int number, struct sigaction* before) {
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    (void)::sigaction(number, &by_default, before);
}

std::optional<int> pending_boot_signal() {
    sigset_t pending;
    ::sigpending(&pending);
    for (int number : boot_signals) {
        if (sigismember(&pending, number) == 1) return number;
    }
    return std::nullopt;
}

Task<int> next_boot_signal() {
    const sigset_t set = boot_signal_set();
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) throw std::system_error(errno, std::generic_category(), "signalfd");
    asio::posix::stream_descriptor readable(co_await asio::this_coro::executor, fd.release());
    while (true) {
        // Waited for, not read: reading would consume the signal.
        co_await readable.async_wait(asio::posix::stream_descriptor::wait_read,
                                     asio::use_awaitable);
        if (auto number = pending_boot_signal()) co_return *number;
    }
}

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(number);
}

}  // namespace fluxpod
