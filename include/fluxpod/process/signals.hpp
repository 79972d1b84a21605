// SPDX-License-Identifier: Apache-2.0
// Signals before the launch. The first statement of main blocks them all, and every command but
// init, which forwards them all, narrows that at once to those that end a boot; a signalfd(2) wakes
// the boot when one arrives, and the mask as it was inherited goes to the child. No signal is
// consumed and no disposition changed before the moment of execve(2).
//
// The kernel drops a signal of default disposition that is sent to PID 1, also one that was pending
// when it is unblocked. So PID 1 can't leave one pending for the broker: end_on_boot_signals().
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <optional>
#include <string>

#include "fluxpod/base/task.hpp"
#include "fluxpod/base/time.hpp"

namespace fluxpod {

// Returns the mask as it was.
[[nodiscard]] sigset_t block_all_signals();
// Leaves HUP, INT, QUIT and TERM blocked, PIPE so that a log that nobody reads ends nothing, and
// what was inherited.
void narrow_to_boot_signals(const sigset_t& inherited);
// Returns whether this process was started with the signal ignored on purpose, as nohup(1) and a
// script's `&` do. Never as PID 1: there it was the container runtime's accident. Only while this
// process changed no disposition itself.
[[nodiscard]] bool is_ignored(int number);
// Whether the kernel sent it to us for a write(2) of our own: SIGPIPE, SIGXFSZ. Such a signal must
// not be forwarded.
[[nodiscard]] bool is_of_our_own_write(const siginfo_t& signal);
// Just before execve(2). PID 1: HUP, INT, QUIT and TERM end this process with 128+n from now on,
// those that are pending as soon as they are unblocked. They reach the new program only if they
// arrive within execve(2) or later, and PID 1 loses them there. Elsewhere the default does the
// same.
void end_on_boot_signals();
// SIGPIPE and SIGXFSZ that our own writes left pending, which would end the new program.
void discard_signals_of_our_writes();
void set_signal_mask(const sigset_t& mask);
[[nodiscard]] sigset_t only_signal(int number);
// A signalfd(2) of the set, close-on-exec; an exception if the kernel refuses one.
[[nodiscard]] int signal_descriptor(const sigset_t& set);
void set_to_default(int number, struct sigaction* before = nullptr);

// One pending signal of the set, if there is any by then; no limit waits for ever.
[[nodiscard]] std::optional<siginfo_t> take_signal(const sigset_t& set,
                                                   std::optional<Duration> limit);

// HUP, INT, QUIT or TERM, if one of them is pending and not is_ignored(); TERM goes first.
[[nodiscard]] std::optional<int> pending_boot_signal();
// Ends as soon as one of them is pending.
[[nodiscard]] Task<int> next_boot_signal();

// Takes every signal but SIGCHLD, one by one, for who stays (supervise). All must be blocked.
class SignalStream {
  public:
    explicit SignalStream(const asio::any_io_executor& executor);
    [[nodiscard]] Task<siginfo_t> next();

  private:
    asio::posix::stream_descriptor readable_;
};

[[nodiscard]] std::string signal_name(int number);  // "SIGTERM"

}  // namespace fluxpod
