// SPDX-License-Identifier: Apache-2.0
// Blocks every signal for one test, as the first statement of main does; what the test left pending
// is taken away before the mask is as it was.
#pragma once

#include "fluxpod/process/signals.hpp"

namespace fluxpod::test {

class BlockedSignals {
  public:
    BlockedSignals() = default;
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    ~BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        while (take_signal(all, Duration{})) {
        }
        set_signal_mask(inherited);
    }

    const sigset_t inherited = block_all_signals();
};

}  // namespace fluxpod::test
