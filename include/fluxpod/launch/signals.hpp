// SPDX-License-Identifier: Apache-2.0
// Signals before the launch. The first statement of main blocks them all, and every command but
// init, which forwards them all, narrows that at once to those that end a boot; a signalfd(2) wakes
// the boot when one arrives, and the mask as it was inherited goes to the child. Dispositions are
// never changed, and no signal is ever consumed: one that arrives too late to end the boot stays
// pending for the broker, across execve(2).
#pragma once

#include <csignal>
#include <optional>
#include <string>

#include "fluxpod/base/task.hpp"

namespace fluxpod {

// Returns the mask as it was.
[[nodiscard]] sigset_t block_all_signals();
// Leaves HUP, INT, QUIT and TERM blocked, PIPE so that a log that nobody reads ends nothing, and
// what was inherited.
void narrow_to_boot_signals(const sigset_t& inherited);
void set_signal_mask(const sigset_t& mask);
[[nodiscard]] sigset_t only_signal(int number);
void set_to_default(int number, struct sigaction* before = nullptr);

// HUP, INT, QUIT or TERM, if one of them is pending; TERM goes first.
[[nodiscard]] std::optional<int> pending_boot_signal();
// Ends as soon as one of them is pending.
[[nodiscard]] Task<int> next_boot_signal();

[[nodiscard]] std::string signal_name(int number);  // "SIGTERM"

}  // namespace fluxpod
