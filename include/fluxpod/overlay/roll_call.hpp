// SPDX-License-Identifier: Apache-2.0
// The Plan's overlay without Flux: rank 0 and every interior rank bind, the others connect to their
// parent over CURVE with the same certificate, each says its name, and the lead learns who came and
// when. What `fluxpod preflight` runs: when it passes, names, network, ports, certificate and
// topology are right, and what is left is Flux's.
//
// Ranks say that they are present (overlay/roll_call_message.hpp) and say it again every two
// seconds, so that a parent or a lead that is made again learns it too; interior ranks hand it up.
// The lead's verdict goes down the tree; each rank confirms it to its parent, waits for the
// receipts of its own children, and ends. A child whose rank, name or parent does not fit the Plan
// is reported, not trusted. ZAP accepts the shared key only, as Flux's overlay does.
#pragma once

#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/overlay/roll_book.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// Ends when all of 0..size-1 have come, or at `give_up`; of that time the lead keeps a fifth, at
// most a second, for telling the verdict. `parent` is where the gates found the parent (followers).
// Errors: a port that is taken is 21 with the endpoint, what this pod itself lacks or denies is 126
// (base/own_fault.hpp), a missing certificate 14; the deadline is not an error but an incomplete
// RollCall.
[[nodiscard]] Task<Result<RollCall>> run_roll_call(const Plan& plan, const CurveCert* cert,
                                                   const std::string& parent_endpoint,
                                                   Duration waited, Clock& clock,
                                                   TimePoint give_up);

}  // namespace fluxpod
