// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/reaper.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "fluxpod/process/child_status.hpp"
#include "fluxpod/process/processes.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

void Child::signal(int number) const {
    if (state_->pid != 0) (void)::kill(state_->pid, number);
}

void Child::signal_group(int number) const {
    if (state_->pid != 0 || has_child_in_group(state_->group)) {
        (void)::kill(-state_->group, number);
    }
}

Reaper::Reaper(const asio::any_io_executor& executor)
    : readable_(executor, signal_descriptor(only_signal(SIGCHLD))) {}

Result<Child> Reaper::start(const Program& program, const SpawnHooks& hooks, ChildEvents events) {
    auto pid = spawn(program, sigchld_, hooks);
    if (!pid) return fail(pid.error());
    Child child;
    child.state_->pid = child.state_->group = *pid;
    child.state_->events = std::move(events);
    children_.emplace(*pid, child.state_);
    return child;
}

Task<int> Reaper::end_of(Child child) {
    while (true) {
        const Reaping reaping = look();
        if (child.has_ended()) co_return *child.state_->wait_status;
        co_await next_change(reaping);
    }
}

Task<void> Reaper::reap_for_ever() {
    while (true) {
        co_await next_change(look());
    }
}

Task<void> Reaper::all_gone() {
    for (Reaping reaping = look(); reaping != Reaping::nobody_left; reaping = look()) {
        co_await next_change(reaping);
    }
}

// SIGCHLD coalesces, so one of them stands for any number of children; and who takes it wakes all
// others that wait for it.
Reaping Reaper::look() {
    std::array<signalfd_siginfo, 8> taken{};
    while (::read(readable_.native_handle(), taken.data(), sizeof taken) > 0) {
    }
    bool any = false;
    const Reaping reaping = reap_some([&](pid_t pid, int wait_status) {
        any = true;
        note(pid, wait_status);
    });
    if (any) readable_.cancel();
    return reaping;
}

// While there is more, signals and timers have their turn, and SIGCHLD says nothing new.
Task<void> Reaper::next_change(Reaping reaping) {
    if (reaping == Reaping::more_to_come) {
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        co_return;
    }
    // Aborted: by look(), or by a cancellation that the next co_await throws.
    static_cast<void>(
        co_await readable_.async_wait(asio::posix::stream_descriptor::wait_read, as_result));
}

void Reaper::note(pid_t pid, int wait_status) {
    auto found = children_.find(pid);
    if (found == children_.end()) return;
    const auto child = found->second;
    if (WIFSTOPPED(wait_status)) child->events.stopped(WSTOPSIG(wait_status));
    if (!has_ended(wait_status)) return;
    child->pid = 0;
    child->wait_status = wait_status;
    child->events.ended();
    children_.erase(found);
}

}  // namespace fluxpod
