// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/backoff.hpp"

#include <cmath>

namespace fluxpod {

Duration Backoff::next() {
    const unsigned growth = tries_ > policy_.steady ? tries_ - policy_.steady : 0;
    ++tries_;
    double delay = static_cast<double>(policy_.first.count()) * std::pow(policy_.factor, growth);
    // In this order: a power that grew beyond double (inf, or NaN times zero) becomes `most` too.
    const auto most = static_cast<double>(policy_.most.count());
    delay = delay < most ? delay : most;
    std::uniform_real_distribution<double> spread(1 - policy_.jitter, 1 + policy_.jitter);
    return Duration(static_cast<Duration::rep>(delay * spread(random_)));
}

}  // namespace fluxpod
