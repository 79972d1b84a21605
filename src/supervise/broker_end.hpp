// SPDX-License-Identifier: Apache-2.0
// How a supervised broker ended, and what follows from it: an exit status of the pod, or another
// start of a follower's broker. Pure, but for a line in the log.
#pragma once

#include <optional>
#include <string>

#include "fluxpod/supervise/supervisor.hpp"

namespace fluxpod {

struct BrokerEnd {
    int exit_code = 0;
    bool told = false;     // by us, before it ended
    bool killed = false;   // by us, because it took too long
    bool hurried = false;  // by us, with a second SIGTERM
    ParentSeen parent;
    std::string lost;  // how it showed that the parent was lost; empty: the broker ended by itself
    bool program_began = false;
};

// Whether a follower that no signal told to end keeps its place for the parent's next start: the
// parent shut down in order, and --when-parent-leaves is rejoin.
[[nodiscard]] bool waits_for_another_life(const Supervised& what, const BrokerEnd& end);

// Returns the pod's exit status, and the reason if it is a failure. `told` is the signal that told
// the supervisor to end, if one did.
[[nodiscard]] Ending ending_of(const Supervised& what, const BrokerEnd& end,
                               const std::optional<int>& told);

// Returns why the broker of a follower that no signal told to end has ended, as a clause.
[[nodiscard]] std::string why_again(const Supervised& what, const BrokerEnd& end);

// Decides for a follower that no signal told to end: its exit, or nullopt if the broker is started
// again. `ever_connected`: this broker or an earlier one had a connection to the parent.
[[nodiscard]] std::optional<Ending> exit_decision(const Supervised& what, const BrokerEnd& end,
                                                  bool ever_connected);

}  // namespace fluxpod
