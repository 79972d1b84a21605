// SPDX-License-Identifier: Apache-2.0
// When to try again. Pure: it neither reads a clock nor sleeps, so that every schedule is
// tested without waiting. So many tries at `first`, then exponential up to `most`, with jitter so
// that a thousand pods that were started together do not ask together.
#pragma once

#include <cstdint>
#include <random>

#include "fluxpod/base/time.hpp"

namespace fluxpod {

struct BackoffPolicy {
    Duration first = std::chrono::milliseconds(50);
    Duration most = std::chrono::seconds(2);
    double factor = 1.6;
    unsigned steady = 0;   // delays before they begin to grow
    double jitter = 0.25;  // each delay is multiplied by 1 ± jitter, uniformly
};

class Backoff {
  public:
    Backoff(BackoffPolicy policy, std::uint64_t seed) : policy_(policy), random_(seed) {}
    // The delay before the next try; each call counts one try.
    [[nodiscard]] Duration next();
    // Begins anew, after something changed for the better.
    void reset() { tries_ = 0; }

  private:
    BackoffPolicy policy_;
    std::minstd_rand random_;
    unsigned tries_ = 0;
};

}  // namespace fluxpod
