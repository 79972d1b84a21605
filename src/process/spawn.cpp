// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/spawn.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "fluxpod/process/exec.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

namespace {

// After so many, signals are looked at.
constexpr int reaps_at_once = 256;

}  // namespace

SigchldForUs::SigchldForUs() {
    const sigset_t sigchld = only_signal(SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &sigchld, &mask_);
    set_to_default(SIGCHLD, &inherited_);
}

SigchldForUs::~SigchldForUs() {
    restore_disposition();
    set_signal_mask(mask_);
}

void SigchldForUs::restore_disposition() const { (void)::sigaction(SIGCHLD, &inherited_, nullptr); }

Result<pid_t> fork_child(const std::string& what, Environment& environment,
                         const SigchldForUs& sigchld, const SpawnHooks& hooks) {
    const bool pid_one = ::getpid() == 1;
    const pid_t child = ::fork();
    if (child < 0) {
        return fail({.code = ExitCode::cannot_run,
                     .doing = "start",
                     .subject = what,
                     .cause = "fork: " + describe_errno(errno),
                     .hint = "raise the limit of processes (ulimit -u, the pod's pids limit)"});
    }
    // Both parent and child do it, so that it is done before a signal is sent.
    (void)::setpgid(child, child);
    if (child != 0) return child;
    hooks.prepare(environment);
    // Before any signal is unblocked, so that what arrived since the fork finds it. PID 1 begins
    // anew: a signal that a runtime happened to ignore was nobody's choice. Elsewhere it was one
    // (nohup), and stays.
    for (int n = 1; pid_one && n <= SIGRTMAX; ++n) set_to_default(n);
    if (!pid_one) sigchld.restore_disposition();
    return 0;
}

Result<pid_t> spawn(const Program& program, const SigchldForUs& sigchld, const SpawnHooks& hooks) {
    Environment environment = program.environment;
    auto child = fork_child(program.path, environment, sigchld, hooks);
    if (!child || *child != 0) return child;
    const Error error = exec_program(program.path, program.argv, environment, program.mask);
    hooks.report_exec_failure(error);
    ::_exit(to_int(error.code));
}

Reaping reap_some(const std::function<void(pid_t, int)>& changed) {
    for (int i = 0; i < reaps_at_once; ++i) {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
        if (pid < 0 && errno == EINTR) continue;
        if (pid < 0) return Reaping::nobody_left;
        if (pid == 0) return Reaping::none_at_present;
        changed(pid, status);
    }
    return Reaping::more_to_come;
}

}  // namespace fluxpod
