// SPDX-License-Identifier: Apache-2.0
// What the supervisor asks of Flux while its own broker runs, over the broker's local socket: no
// flux command is started for it. Best effort: failures are logged, and the end continues.
#pragma once

#include <cstdint>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/supervise/broker_socket.hpp"

namespace fluxpod {

class FluxRequests {
  public:
    FluxRequests(std::string local_socket, Clock& clock);

    // The instance has reached RUN at some time, so that the lead's program was begun. Asks until
    // the broker answers, or until `limit`: then no.
    [[nodiscard]] Task<bool> has_run(TimePoint limit);
    // Whether a signal could now abort the rc3 that dumps the store: the broker is past CLEANUP, or
    // does not answer in a second.
    [[nodiscard]] Task<bool> may_be_dumping();
    // No new job for this rank, and those that it runs have ended, or `limit` has come.
    [[nodiscard]] Task<void> drain_and_wait(std::uint32_t rank, TimePoint limit);
    // No further job begins, and those that run have ended; well before `limit` the rest is cut in
    // a way that formats/job_eventlog.hpp can undo. The cut is tried whatever failed before it, and
    // jobs that were cut have half of the rest to end. False: there is no job manager yet, so that
    // Flux holds nothing that a dump could save.
    [[nodiscard]] Task<bool> wait_and_cut(TimePoint limit);
    // Flux makes no dump at its end.
    [[nodiscard]] Task<void> leave_out_dump(TimePoint limit);
    // Takes back what drain_and_wait did before this pod was started again. Waits for the broker,
    // and tries again until it is done or ten minutes have gone.
    [[nodiscard]] Task<void> undrain_our_own(std::uint32_t rank);
    // Logs how many jobs the instance knows once it has reached RUN: what came back.
    [[nodiscard]] Task<void> report_jobs();
    // Sends the parent a message, so that one that does not know this broker tells it to end.
    [[nodiscard]] Task<void> nudge_parent();

  private:
    [[nodiscard]] Task<Answer<std::string>> ask(std::string topic, std::string payload,
                                                TimePoint give_up);
    [[nodiscard]] Task<Answer<std::size_t>> jobs_on(std::uint32_t rank, TimePoint give_up);
    [[nodiscard]] Task<bool> wait_until_idle(TimePoint limit);
    [[nodiscard]] Task<void> left_run();
    [[nodiscard]] Task<void> cut(TimePoint limit);

    std::string local_socket_;
    Clock& clock_;
};

// Whether Flux's resource.status, a JSON object, has the rank as drained for our reason.
[[nodiscard]] bool is_drained_by_us(std::string_view resource_status, std::uint32_t rank);

}  // namespace fluxpod
