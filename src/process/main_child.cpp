// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/main_child.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "fluxpod/process/processes.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

namespace {

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

// The variables that systemd addressed to our process are the command's now. sd_listen_fds(3):
// LISTEN_PIDFDID is a second, optional proof of LISTEN_PID, that would refuse the command.
// sd_watchdog_enabled(3).
void hand_on_pids(Environment& environment, const std::string& ours, const std::string& command) {
    if (environment.get("LISTEN_PID") == ours) {
        environment.set("LISTEN_PID", command);
        environment.unset("LISTEN_PIDFDID");
    }
    if (environment.get("WATCHDOG_PID") == ours) environment.set("WATCHDOG_PID", command);
}

}  // namespace

MainChild::MainChild(bool group)
    : group_wanted_(group), pid_one_(::getpid() == 1), terminal_(Terminal::controlling()) {
    if (!pid_one_) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

SpawnHooks MainChild::hooks(std::function<void(const Error&)> report_exec_failure) {
    terminal_.look_again();
    auto prepare = [this, own = std::to_string(::getpid())](Environment& environment) {
        // Here and nowhere else: the parent might come late and take it from a job that the
        // command, a shell, has put in the foreground meanwhile.
        terminal_.lend_to(::getpid());
        hand_on_pids(environment, own, std::to_string(::getpid()));
    };
    return {.prepare = prepare, .report_exec_failure = std::move(report_exec_failure)};
}

void MainChild::started(pid_t pid) {
    pid_ = group_ = pid;
    stop_forwarded_ = false;
}

// A stop that was sent is continued by its sender; one that the terminal made is the shell's to
// undo, and it must see that its job, which is us, has stopped.
void MainChild::stopped(int stop_signal) {
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

void MainChild::ended() { pid_ = 0; }

void MainChild::forward(const siginfo_t& signal) {
    if (is_of_our_own_write(signal)) return;
    const int number = signal.si_signo;
    // The shell above may have brought us to the foreground.
    if (number == SIGCONT) {
        const bool lent = terminal_.ours();
        terminal_.look_again();
        if (!lent) terminal_.lend_to(group_);
    }
    if (pid_ == 0) {
        signal_everybody(number);
        return;
    }
    const bool stops = number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
    stop_forwarded_ = stops && stops_at_once(pid_, number);
    // A failure is not a reason to end: the command may have changed its uid, and we may have no
    // CAP_KILL.
    if (group_wanted_ && ::kill(-group_, number) == 0) return;
    const bool with_value = signal.si_code == SI_QUEUE;
    if (with_value && ::sigqueue(pid_, number, signal.si_value) == 0) return;
    (void)::kill(pid_, number);
}

void MainChild::signal_everybody(int number) const {
    if (pid_one_) {
        (void)::kill(-1, number);
        return;
    }
    signal_descendants(number);
}

void MainChild::signal_descendants(int number) const {
    const auto descendants = descendants_of(::getpid());
    for (const pid_t pid : descendants) (void)::kill(pid, number);
    if (!descendants.empty()) return;
    // Without /proc, these are all that we know.
    if (pid_ != 0 || has_child_in_group(group_)) (void)::kill(-group_, number);
    if (pid_ != 0) (void)::kill(pid_, number);
}

}  // namespace fluxpod
