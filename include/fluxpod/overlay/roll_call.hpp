// SPDX-License-Identifier: Apache-2.0
// The Plan's overlay without Flux: rank 0 and every interior rank bind, the others connect to their
// parent over CURVE with the same certificate, each says its name, and the lead learns who came and
// when. What `fluxpod preflight` runs: when it passes, names, network, ports, certificate and
// topology are right, and what is left is Flux's.
//
// Messages travel up the tree as JSON {rank, hostname, waited_ms}; the verdict travels down. A
// child whose rank or name does not fit the Plan is reported, not trusted. ZAP accepts the shared
// key only, as Flux's overlay does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

struct RollCallRow {
    std::uint32_t rank = 0;
    std::string hostname;
    bool joined = false;
    Duration after{};   // from the lead's start to this rank's word
    Duration waited{};  // what the rank itself waited for its parent
    std::string
        missing;  // why not, as far as is known: "not heard of", "its parent, rank 1, is missing"
};

struct RollCall {
    std::vector<RollCallRow> rows;  // the lead: all ranks 0..size-1; a follower: its own
    [[nodiscard]] bool complete() const;
};

// Ends when all of 0..size-1 have come, or at `give_up`. `parent` is where the gates found the
// parent (followers). Errors: 13-like faults of binding are 21 with the endpoint; the deadline is
// no error but an incomplete RollCall.
[[nodiscard]] Task<Result<RollCall>> run_roll_call(const Plan& plan, const CurveCert* cert,
                                                   std::string parent_endpoint, Duration waited,
                                                   Clock& clock, TimePoint give_up);

}  // namespace fluxpod
