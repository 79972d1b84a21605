// SPDX-License-Identifier: Apache-2.0
// Why a name has no address yet: a clause for the log and the report, and at the end of the wait
// advice where to look.
#pragma once

#include <optional>
#include <string>

#include "fluxpod/base/time.hpp"
#include "fluxpod/gates/gate.hpp"
#include "fluxpod/gates/resolver.hpp"

namespace fluxpod {

class DnsTrouble {
  public:
    void clear() { last_ = Kind::none; }
    // Returns why a resolution without addresses is none, and remembers it for the advice.
    [[nodiscard]] Attempt explain(const Resolution& resolution, TimePoint now);
    [[nodiscard]] Attempt denied_by_caches();
    [[nodiscard]] std::string advice(const Resolver& resolver) const;

  private:
    enum class Kind { none, denied, unanswered, no_servers };

    [[nodiscard]] Attempt without_servers(TimePoint now);

    Kind last_ = Kind::none;
    std::optional<TimePoint> without_servers_since_;
};

}  // namespace fluxpod
