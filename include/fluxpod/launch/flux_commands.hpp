// SPDX-License-Identifier: Apache-2.0
// What the supervisor asks of its own running broker, by the flux command through the broker's
// local socket: each a helper process with a deadline. None of it is needed for the end to come:
// what fails is told in the log, and the end goes on.
#pragma once

#include <cstdint>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/launch/run_child.hpp"

namespace fluxpod {

class FluxCommands {
  public:
    // `flux` is the program; its arguments are replaced. `local_uri` is the broker's socket.
    FluxCommands(Reaper& reaper, Clock& clock, Program flux, const std::string& local_uri);

    // The instance has reached RUN at some time, so that the lead's program was begun.
    [[nodiscard]] Task<bool> has_run();
    // No new job for this rank, and those that it runs have ended, or `limit` has come.
    [[nodiscard]] Task<void> drain_and_wait(std::uint32_t rank, TimePoint limit);
    // No further job begins, and those that run have ended; well before `limit` the rest is cut in
    // a way that formats/job_eventlog.hpp can undo.
    [[nodiscard]] Task<void> wait_and_cut(TimePoint limit);
    // Takes back what drain_and_wait did before this pod was started again; waits for the broker.
    [[nodiscard]] Task<void> undrain_our_own(std::uint32_t rank);
    // Sends the parent a message, so that one that does not know this broker tells it to end.
    [[nodiscard]] Task<void> nudge_parent();

  private:
    [[nodiscard]] Task<Result<ChildOutcome>> flux(std::vector<std::string> words, Duration timeout);

    Reaper& reaper_;
    Clock& clock_;
    Program program_;
};

// Whether the resource eventlog, a JSON object a line, last says that the rank is drained for our
// reason. Hostile or foreign lines are passed over.
[[nodiscard]] bool is_drained_by_us(std::string_view eventlog, std::uint32_t rank);

}  // namespace fluxpod
