// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

namespace {

constexpr std::array<int, 4> boot_signals{SIGTERM, SIGINT, SIGQUIT, SIGHUP};

struct sigaction disposition_of(int number) {
    struct sigaction now {};
    (void)::sigaction(number, nullptr, &now);
    return now;
}

sigset_t boot_signal_set() {
    sigset_t set;
    sigemptyset(&set);
    for (int number : boot_signals) {
        if (!is_ignored(number)) sigaddset(&set, number);
    }
    return set;
}

extern "C" void end_by(int number) { ::_exit(128 + number); }

sigset_t all_but_sigchld() {
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGCHLD);
    return set;
}

}  // namespace

int signal_descriptor(const sigset_t& set) {
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) throw std::system_error(errno, std::generic_category(), "signalfd");
    return fd.release();
}

sigset_t block_all_signals() {
    sigset_t all;
    sigfillset(&all);
    sigset_t inherited;
    ::pthread_sigmask(SIG_BLOCK, &all, &inherited);
    return inherited;
}

void narrow_to_boot_signals(const sigset_t& inherited) {
    sigset_t blocked = inherited;
    // One that is ignored would stay pending: the kernel discards it only if it is not blocked.
    for (int number : boot_signals) {
        if (!is_ignored(number)) sigaddset(&blocked, number);
    }
    sigaddset(&blocked, SIGPIPE);
    set_signal_mask(blocked);
}

void set_signal_mask(const sigset_t& mask) { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }

bool is_ignored(int number) {
    return ::getpid() != 1 && disposition_of(number).sa_handler == SIG_IGN;
}

// The kernel names the writer itself as the sender (send_sig() in fs/pipe.c).
bool is_of_our_own_write(const siginfo_t& signal) {
    const bool by_write = signal.si_signo == SIGPIPE || signal.si_signo == SIGXFSZ;
    return by_write && signal.si_code == SI_USER && signal.si_pid == ::getpid();
}

void end_on_boot_signals() {
    if (::getpid() != 1) return;
    struct sigaction handler {};
    handler.sa_handler = end_by;
    for (int number : boot_signals) {
        // execve(2) keeps SIG_IGN and makes a default of a handler.
        if (disposition_of(number).sa_handler == SIG_IGN) continue;
        (void)::sigaction(number, &handler, nullptr);
    }
}

void discard_signals_of_our_writes() {
    sigset_t set = only_signal(SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    while (const auto signal = take_signal(set, Duration{})) {
        if (is_of_our_own_write(*signal)) continue;
        (void)::kill(::getpid(), signal->si_signo);  // somebody else's: pending again
        return;
    }
}

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

std::optional<siginfo_t> take_signal(const sigset_t& set, std::optional<Duration> limit) {
    siginfo_t signal{};
    int number = -1;
    if (limit) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(*limit);
        const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (*limit - seconds).count()};
        number = ::sigtimedwait(&set, &signal, &timeout);
    } else {
        number = ::sigwaitinfo(&set, &signal);
    }
    if (number < 0) return std::nullopt;
    return signal;
}

std::optional<int> pending_boot_signal() {
    sigset_t pending;
    ::sigpending(&pending);
    for (int number : boot_signals) {
        if (sigismember(&pending, number) == 1 && !is_ignored(number)) return number;
    }
    return std::nullopt;
}

Task<int> next_boot_signal() {
    const int descriptor = signal_descriptor(boot_signal_set());
    asio::posix::stream_descriptor readable(co_await asio::this_coro::executor, descriptor);
    while (true) {
        // Waited for, not read: reading would consume the signal.
        co_await readable.async_wait(asio::posix::stream_descriptor::wait_read,
                                     asio::use_awaitable);
        if (auto number = pending_boot_signal()) co_return *number;
    }
}

SignalStream::SignalStream(const asio::any_io_executor& executor)
    : readable_(executor, signal_descriptor(all_but_sigchld())) {}

Task<siginfo_t> SignalStream::next() {
    const sigset_t set = all_but_sigchld();
    while (true) {
        if (auto signal = take_signal(set, Duration{})) co_return *signal;
        co_await readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                                      asio::use_awaitable);
    }
}

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(number);
}

}  // namespace fluxpod
