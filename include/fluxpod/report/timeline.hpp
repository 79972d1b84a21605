// SPDX-License-Identifier: Apache-2.0
// The boot reports of a cluster as one picture: a row for each pod in the order of the ranks, and
// along it who did what and when. Pods are compared by their clocks, so those of other nodes are as
// exact as the nodes' clocks are. Pure: same reports, same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

struct StageLine {
    std::string pod;
    std::int64_t rank = -1;  // -1: not known
    std::string stage;
    bool failed = false;
    double began = 0;    // CLOCK_REALTIME
    double seconds = 0;  // how long it took
    std::string detail;
};

// Lines as BootReport writes them; empty ones are left out. The error names the line and the cause.
// Hostile input: a report is a file that pods share.
[[nodiscard]] OrCause<std::vector<StageLine>> parse_report(std::string_view text);

// Rows of at most `columns` characters: "." fluxpod's own work, "~" the wait for the parent, "="
// the broker or the roll call, "x" a stage that failed. A broker goes on until its pod's next
// stage, or to the end of the picture.
[[nodiscard]] std::string draw_timeline(std::vector<StageLine> lines, std::size_t columns);
// The same as a whole SVG document, with the stages' times and details as titles.
[[nodiscard]] std::string draw_timeline_svg(std::vector<StageLine> lines);

}  // namespace fluxpod
