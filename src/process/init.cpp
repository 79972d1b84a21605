// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/init.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "fluxpod/process/child_status.hpp"
#include "fluxpod/process/main_child.hpp"
#include "fluxpod/process/processes.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

namespace {

class Init {
  public:
    explicit Init(const InitOptions& options) : options_(options), main_(options.group) {}

    Result<int> run(const InitCommand& command);
    // nullopt in the child.
    Result<std::optional<int>> run_above_a_fork(Environment& environment);

  private:
    [[nodiscard]] int watch_command(pid_t child);
    void detach_from_container() const;

    [[nodiscard]] bool done() const { return status_ && (!options_.grace || nobody_left_); }
    [[nodiscard]] std::optional<siginfo_t> next_signal() const;
    void handle(const siginfo_t& signal);
    void reap();
    void child_changed(int wait_status);
    void child_ended(int wait_status);
    void grace_is_over();

    const InitOptions options_;
    const SigchldForUs sigchld_;
    MainChild main_;
    pid_t child_ = 0;
    std::optional<int> status_;  // the command's, once it has ended
    bool more_to_reap_ = true;   // children from before, and those that ended before the first look
    bool nobody_left_ = false;
    bool killed_ = false;
    std::optional<TimePoint> deadline_;
};

Result<int> Init::run(const InitCommand& command) {
    auto started = spawn(command.program, sigchld_, main_.hooks(command.report_exec_failure));
    if (!started) return fail(started.error());
    return watch_command(*started);
}

Result<std::optional<int>> Init::run_above_a_fork(Environment& environment) {
    auto forked = fork_child("fluxpod", environment, sigchld_, main_.hooks({}));
    if (!forked) return fail(forked.error());
    if (*forked == 0) return std::nullopt;
    return watch_command(*forked);
}

int Init::watch_command(pid_t child) {
    child_ = child;
    main_.started(child_);
    detach_from_container();

    while (true) {
        const auto signal = next_signal();
        if (signal) handle(*signal);
        if (more_to_reap_) reap();
        if (done()) break;
        if (deadline_ && std::chrono::steady_clock::now() >= *deadline_) grace_is_over();
        if (done()) break;
    }
    main_.give_the_terminal_back();
    return *status_;
}

// The command alone decides what stays open, which directory stays busy, and what memory is for.
void Init::detach_from_container() const {
    // Fails only if the root itself may not be entered; then the directory stays as it is.
    [[maybe_unused]] const int entered = ::chdir("/");
    close_descriptors_except(main_.held_descriptor());
    release_startup_pages();
}

// While there is something to reap, SIGCHLD says nothing new, and in a storm of orphans it would
// always come before every signal of a higher number.
std::optional<siginfo_t> Init::next_signal() const {
    sigset_t set;
    sigfillset(&set);
    if (more_to_reap_) {
        sigdelset(&set, SIGCHLD);
        return take_signal(set, Duration{});
    }
    if (!deadline_) return take_signal(set, std::nullopt);
    return take_signal(set, std::max(Duration{}, *deadline_ - std::chrono::steady_clock::now()));
}

void Init::handle(const siginfo_t& signal) {
    if (signal.si_signo == SIGCHLD) {
        more_to_reap_ = true;
        return;
    }
    main_.forward(signal);
    if (signal.si_signo == SIGTERM && options_.grace && !deadline_) {
        deadline_ = std::chrono::steady_clock::now() + *options_.grace;
    }
}

void Init::reap() {
    bool any_ended = false;
    const Reaping reaping = reap_some([&](pid_t pid, int status) {
        any_ended = any_ended || has_ended(status);
        if (pid == child_) child_changed(status);
    });
    more_to_reap_ = reaping == Reaping::more_to_come;
    nobody_left_ = reaping == Reaping::nobody_left;
    // A process that escaped the first SIGKILL by a fork is ours by now.
    if (killed_ && any_ended && !nobody_left_) main_.signal_everybody(SIGKILL);
}

void Init::child_changed(int wait_status) {
    if (has_ended(wait_status)) {
        child_ended(wait_status);
    } else if (WIFSTOPPED(wait_status)) {
        main_.stopped(WSTOPSIG(wait_status));
    }
}

void Init::child_ended(int wait_status) {
    main_.ended();
    child_ = 0;
    status_ = exit_code_of(wait_status);
    if (!options_.grace || killed_) return;
    if (!deadline_) deadline_ = std::chrono::steady_clock::now() + *options_.grace;
    main_.signal_everybody(SIGTERM);
    main_.signal_everybody(SIGCONT);
}

void Init::grace_is_over() {
    if (killed_) {
        // The kernel does not let go of them.
        status_ = status_.value_or(exit_for_signal(SIGKILL));
        nobody_left_ = true;
        return;
    }
    killed_ = true;
    deadline_ = std::chrono::steady_clock::now() + after_kill;
    main_.signal_everybody(SIGKILL);
}

}  // namespace

Result<int> run_as_init(const InitCommand& command, const InitOptions& options) {
    return Init(options).run(command);
}

Result<std::optional<int>> step_below_an_init(Environment& environment) {
    (void)block_all_signals();
    return Init({}).run_above_a_fork(environment);
}

}  // namespace fluxpod
