// SPDX-License-Identifier: Apache-2.0
// What an init must know of processes besides wait(2).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace fluxpod {

// How long a process that was killed may take to be gone. It takes longer only if the kernel itself
// is stuck (an uninterruptible read from a dead file server), and then nobody can do more.
inline constexpr std::chrono::seconds after_kill{2};

// Children, their children, and so on, from proc_pid_stat(5); empty if /proc is not mounted, cannot
// be read, or is that of another PID namespace.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t ancestor);

// Whether this process has a child that has not ended; reaps those that have. To be asked before
// the first child of our own.
[[nodiscard]] bool has_living_child();

// Whether a signal whose default is a stop would stop that process now: it runs, and does not
// catch, ignore or block the signal. From proc_pid_status(5); false if that cannot be read.
[[nodiscard]] bool stops_at_once(pid_t pid, int stop_signal);

// Whether a child of ours, ended or not, is in that process group, so that the group's number is
// still its own.
[[nodiscard]] bool has_child_in_group(pid_t group);

// Closes every descriptor from 3 on but `kept` (-1: none). By close_range(2), and where a container
// runtime's seccomp filter denies that (ENOSYS, EPERM), one by one.
void close_descriptors_except(int kept);

// Gives the pages of the program's own text back, which a start has touched and a long wait does
// not need: resident memory falls by two thirds, and what is needed again is mapped again.
void release_startup_pages();

}  // namespace fluxpod
