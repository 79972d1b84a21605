// SPDX-License-Identifier: Apache-2.0
// Signals before the launch. The first statement of main blocks those that end a boot; they are
// read from a signalfd(2) raced against the boot, and the mask as it was inherited goes to the
// child. Dispositions are never changed. A signal that stays pending reaches the broker after exec
// (signal(7)).
#pragma once

#include <csignal>
#include <string>

#include "fluxpod/base/task.hpp"

namespace fluxpod {

// Blocks HUP, INT, QUIT and TERM, and PIPE so that a log nobody reads ends nothing. Returns the
// mask as it was.
[[nodiscard]] sigset_t block_boot_signals();
void restore_signal_mask(const sigset_t& inherited);

// Ends with the number of the first of HUP, INT, QUIT, TERM to arrive, pending ones included. A
// signal is consumed only when it is returned: one that arrives later is left for the broker.
[[nodiscard]] Task<int> next_boot_signal();

[[nodiscard]] std::string signal_name(int number);  // "SIGTERM"

}  // namespace fluxpod
