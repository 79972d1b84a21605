// SPDX-License-Identifier: Apache-2.0
// The child that fluxpod is there for, under init and supervise alike: it has the terminal, the
// descriptors of LISTEN_PID, and every signal that is sent to fluxpod.
//
// All signals must be blocked. Who starts it: spawn() with hooks(), then started(); who reaps it:
// stopped() and ended(), in the same step as waitpid(2).
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>

#include "fluxpod/process/spawn.hpp"
#include "fluxpod/process/terminal.hpp"

namespace fluxpod {

class MainChild {
  public:
    // Makes fluxpod a sub-reaper where it is not PID 1. With `group`, signals go to the child's
    // process group instead of the child alone.
    explicit MainChild(bool group);

    [[nodiscard]] SpawnHooks hooks(std::function<void(const Error&)> report_exec_failure);
    void started(pid_t pid);
    void stopped(int stop_signal);
    void ended();
    [[nodiscard]] bool is_running() const { return pid_ != 0; }

    // Real faults of our own never come this way: the kernel ends a process whose fault is blocked.
    void forward(const siginfo_t& signal);
    // Every process of the container but ourselves; not as PID 1, every descendant.
    void signal_everybody(int number) const;
    // Only what descends from us, also as PID 1: not what was brought into the container otherwise.
    void signal_descendants(int number) const;
    void give_the_terminal_back() { terminal_.take_back(); }
    // The only descriptor that is kept, or -1.
    [[nodiscard]] int held_descriptor() const { return terminal_.held(); }

  private:
    const bool group_wanted_;
    const bool pid_one_;
    Terminal terminal_;
    pid_t pid_ = 0;  // 0 once reaped: the number may be another process's by then
    pid_t group_ = 0;
    // Our signal stops the child. False if the child catches the signal: a later stop may be typed.
    bool stop_forwarded_ = false;
};

}  // namespace fluxpod
