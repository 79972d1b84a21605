// SPDX-License-Identifier: Apache-2.0
// The only place that waits for children in a process that has an io_context: one waitpid(-1) loop,
// woken by SIGCHLD through a signalfd, that hands each child's end to the task that awaits it.
// Orphans are reaped on the way. (init waits for signals instead, with the same spawn() and
// reap_some().)
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "fluxpod/base/task.hpp"
#include "fluxpod/process/spawn.hpp"

namespace fluxpod {

// Told in the step that reaps. `stopped` is given the signal that stopped the child.
struct ChildEvents {
    std::function<void(int)> stopped = [](int) {};
    std::function<void()> ended = [] {};
};

// A child of a Reaper; copies are the same child. The number is forgotten in the step that reaps
// it, so no other process is ever signalled in its stead.
class Child {
  public:
    [[nodiscard]] bool has_ended() const { return state_->wait_status.has_value(); }
    [[nodiscard]] pid_t pid() const { return state_->pid; }  // 0 once it has ended
    // As long as the child has not ended; nothing afterwards.
    void signal(int number) const;
    // Its whole process group, also after its end as long as a child of ours is left in it.
    void signal_group(int number) const;

  private:
    friend class Reaper;
    struct State {
        pid_t pid = 0;
        pid_t group = 0;
        std::optional<int> wait_status;
        ChildEvents events;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

class Reaper {
  public:
    // One at a time in a process; it outlives every task that awaits its children.
    explicit Reaper(const asio::any_io_executor& executor);

    [[nodiscard]] Result<Child> start(const Program& program, const SpawnHooks& hooks,
                                      ChildEvents events = {});
    // The child's wait status, as soon as it has ended.
    [[nodiscard]] Task<int> end_of(Child child);
    // Reaps orphans while nobody awaits a child; ends only by cancellation.
    [[nodiscard]] Task<void> reap_for_ever();
    // Ends once no child is left.
    [[nodiscard]] Task<void> all_gone();

  private:
    [[nodiscard]] Reaping look();
    [[nodiscard]] Task<void> next_change(Reaping reaping);
    void note(pid_t pid, int wait_status);

    SigchldForUs sigchld_;
    asio::posix::stream_descriptor readable_;
    std::map<pid_t, std::shared_ptr<Child::State>> children_;
};

}  // namespace fluxpod
