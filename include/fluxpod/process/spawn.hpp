// SPDX-License-Identifier: Apache-2.0
// Starting processes and reaping them: what `init`, `supervise` and every helper command do alike.
// No function here waits, except spawn() for a fork.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/error.hpp"

namespace fluxpod {

// What to start: a file that find_program found, and exactly what it is given.
struct Program {
    std::string path;
    std::vector<std::string> argv;
    Environment environment;
    sigset_t mask{};  // as fluxpod was started with
};

// From construction to destruction, children that end stay until they are waited for, and SIGCHLD
// reports them: it is blocked, and not ignored, whatever fluxpod was started with. One at a time.
class SigchldForUs {
  public:
    SigchldForUs();
    SigchldForUs(const SigchldForUs&) = delete;
    SigchldForUs& operator=(const SigchldForUs&) = delete;
    ~SigchldForUs();
    // For the child that a fork has made: SIGCHLD as fluxpod was started with.
    void restore_disposition() const;

  private:
    struct sigaction inherited_ {};
    sigset_t mask_{};
};

struct SpawnHooks {
    // The last words in the child, which may change what the program will see.
    std::function<void(Environment&)> prepare = [](Environment&) {};
    // Says, in the child, that execve failed; the child then ends with the error's code.
    std::function<void(const Error&)> report_exec_failure = [](const Error&) {};
};

// fork(2): 0 in the child, which has a process group of its own, its hook's changes to
// `environment`, and every signal at its default where the parent is PID 1. Error 126 if there is
// no process to be had; `what` names what was to be started.
[[nodiscard]] Result<pid_t> fork_child(const std::string& what, Environment& environment,
                                       const SigchldForUs& sigchld, const SpawnHooks& hooks);

// The program in a process group of its own, whose number is the pid, with every signal at its
// default where we are PID 1, and as inherited elsewhere. Error 126 if there is no process to be
// had.
[[nodiscard]] Result<pid_t> spawn(const Program& program, const SigchldForUs& sigchld,
                                  const SpawnHooks& hooks);

// One round of waitpid(-1), bounded so that a storm of dying orphans keeps nothing else waiting.
// `changed` gets each child that ended or stopped, and its wait status; after an end, the number
// may be another process's.
enum class Reaping { more_to_come, none_at_present, nobody_left };
[[nodiscard]] Reaping reap_some(const std::function<void(pid_t, int)>& changed);

}  // namespace fluxpod
