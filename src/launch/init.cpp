// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/init.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "fluxpod/launch/child_status.hpp"
#include "fluxpod/launch/processes.hpp"
#include "fluxpod/launch/signals.hpp"
#include "fluxpod/launch/terminal.hpp"

namespace fluxpod {

namespace {

// How long what was killed may take to be gone; longer only if the kernel itself is stuck (an
// uninterruptible read from a dead file server), and then nobody can do more.
constexpr auto after_kill = std::chrono::seconds(2);

// One pending signal of the set, if there is any by then; no limit waits for ever.
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

// Stops this process and its group by that signal, as the kernel does it: not an orphaned group,
// which nobody could continue. Returns after SIGCONT, or at once; true if we were continued.
bool stop_as_job(int stop_signal) {
    set_to_default(stop_signal);
    (void)::kill(0, stop_signal);
    const sigset_t stop = only_signal(stop_signal);
    (void)::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
    (void)::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    return take_signal(only_signal(SIGCONT), Duration{}).has_value();
}

class Init {
  public:
    Init(const InitCommand& command, const InitOptions& options)
        : command_(command), options_(options), pid_one_(::getpid() == 1) {}

    Result<int> run();

  private:
    [[nodiscard]] Result<pid_t> start();
    void let_go_of_everything() const;

    [[nodiscard]] bool done() const { return status_ && (!options_.grace || nobody_left_); }
    [[nodiscard]] std::optional<siginfo_t> next_signal() const;
    void handle(const siginfo_t& signal);
    void forward(const siginfo_t& signal);
    void reap();
    void main_changed(int wait_status);
    void main_stopped(int stop_signal);
    void main_ended(int wait_status);
    void grace_is_over();
    void signal_all(int number) const;

    const InitCommand& command_;
    const InitOptions& options_;
    const bool pid_one_;
    const SigchldForUs sigchld_;
    Terminal terminal_;
    pid_t child_ = 0;  // 0 once reaped: the number may be another process's by then
    pid_t group_ = 0;
    std::optional<int> status_;  // the command's, once it has ended
    bool stop_forwarded_ = false;
    bool more_to_reap_ = true;  // children from before, and those that ended before the first look
    bool nobody_left_ = false;
    bool killed_ = false;
    std::optional<TimePoint> deadline_;
};

Result<int> Init::run() {
    if (!pid_one_) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    terminal_ = Terminal::controlling();
    auto started = start();
    if (!started) return fail(started.error());
    child_ = group_ = *started;
    let_go_of_everything();

    while (true) {
        const auto signal = next_signal();
        if (signal) handle(*signal);
        if (more_to_reap_) reap();
        if (done()) break;
        if (deadline_ && std::chrono::steady_clock::now() >= *deadline_) grace_is_over();
        if (done()) break;
    }
    terminal_.take_back();
    return *status_;
}

Result<pid_t> Init::start() {
    const auto own = std::to_string(::getpid());
    auto prepare = [&](Environment& environment) {
        // Here and nowhere else: the parent might come late and take it from a job that the
        // command, a shell, has put in the foreground meanwhile.
        terminal_.lend_to(::getpid());
        // sd_listen_fds(3): descriptors that were meant for us are the command's now.
        if (environment.get("LISTEN_PID") == own) {
            environment.set("LISTEN_PID", std::to_string(::getpid()));
        }
    };
    return spawn(command_.program, sigchld_,
                 {.prepare = prepare, .report_exec_failure = command_.report_exec_failure});
}

// The command alone decides what stays open, which directory stays busy, and what memory is for.
void Init::let_go_of_everything() const {
    // In vain only where the root itself may not be entered, and then nobody can help it.
    [[maybe_unused]] const int entered = ::chdir("/");
    close_descriptors_except(terminal_.held());
    forget_the_start();
}

// While there is something to reap, SIGCHLD tells nothing new, and in a storm of orphans it would
// stand before every signal of a higher number for ever.
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
    // The shell above may have brought us to the foreground.
    if (signal.si_signo == SIGCONT) {
        const bool lent = terminal_.ours();
        terminal_.look_again();
        if (!lent) terminal_.lend_to(group_);
    }
    forward(signal);
    if (signal.si_signo == SIGTERM && options_.grace && !deadline_) {
        deadline_ = std::chrono::steady_clock::now() + *options_.grace;
    }
}

// Faults of our own never come this way: the kernel ends a process whose fault is blocked.
void Init::forward(const siginfo_t& signal) {
    const int number = signal.si_signo;
    if (child_ == 0) {
        signal_all(number);
        return;
    }
    stop_forwarded_ = number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
    // A failure is no reason to end: the command may have changed its uid, and we may have no
    // CAP_KILL.
    if (options_.group && ::kill(-group_, number) == 0) return;
    const bool with_value = signal.si_code == SI_QUEUE;
    if (with_value && ::sigqueue(child_, number, signal.si_value) == 0) return;
    (void)::kill(child_, number);
}

void Init::reap() {
    bool any_ended = false;
    const Reaping reaping = reap_some([&](pid_t pid, int status) {
        any_ended = any_ended || has_ended(status);
        if (pid == child_) main_changed(status);
    });
    more_to_reap_ = reaping == Reaping::more_to_come;
    nobody_left_ = reaping == Reaping::nobody_left;
    // Whoever escaped the first SIGKILL by a fork is ours by now.
    if (killed_ && any_ended && !nobody_left_) signal_all(SIGKILL);
}

void Init::main_changed(int wait_status) {
    if (has_ended(wait_status)) {
        main_ended(wait_status);
    } else if (WIFSTOPPED(wait_status)) {
        main_stopped(WSTOPSIG(wait_status));
    }
}

// A stop that was sent is continued by whoever sent it; one that the terminal made is the shell's
// to undo, and it must see that its job, which is us, has stopped.
void Init::main_stopped(int stop_signal) {
    const bool forwarded = std::exchange(stop_forwarded_, false);
    const bool typed = stop_signal == SIGTSTP && terminal_.ours();
    const bool refused = (stop_signal == SIGTTIN || stop_signal == SIGTTOU) && terminal_.exists();
    if (forwarded || !(typed || (refused && !pid_one_))) return;

    bool resumed = false;
    if (!pid_one_) {
        terminal_.take_back();
        resumed = stop_as_job(stop_signal);
        terminal_.look_again();
        terminal_.lend_to(group_);
    }
    // Nobody is above PID 1 or an orphaned job, and what is typed must not hang them for ever. But
    // who may not use the terminal would be refused again at once.
    if (typed || resumed) (void)::kill(-group_, SIGCONT);
}

void Init::main_ended(int wait_status) {
    status_ = exit_code_of(wait_status);
    child_ = 0;
    if (!options_.grace || killed_) return;
    if (!deadline_) deadline_ = std::chrono::steady_clock::now() + *options_.grace;
    signal_all(SIGTERM);
    signal_all(SIGCONT);
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
    signal_all(SIGKILL);
}

// Every process of the container but ourselves; not as PID 1, every descendant.
void Init::signal_all(int number) const {
    if (pid_one_) {
        (void)::kill(-1, number);
        return;
    }
    const auto descendants = descendants_of(::getpid());
    for (const pid_t pid : descendants) (void)::kill(pid, number);
    if (!descendants.empty()) return;
    // Without /proc, these are all that we know.
    if (child_ != 0 || has_child_in_group(group_)) (void)::kill(-group_, number);
    if (child_ != 0) (void)::kill(child_, number);
}

}  // namespace

Result<int> run_as_init(const InitCommand& command, const InitOptions& options) {
    return Init(command, options).run();
}

}  // namespace fluxpod
