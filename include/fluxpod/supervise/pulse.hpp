// SPDX-License-Identifier: Apache-2.0
// Whether a supervisor's event loop still turns: it answers on a local socket. It costs nothing
// while nobody asks, unlike a heartbeat that has to be written all the time.
#pragma once

#include <functional>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"

namespace fluxpod {

// Takes the place of a socket that an earlier life left at `path`, and answers until it is
// cancelled, which takes the socket away. While `stalled` gives a reason, that is the answer and
// means no. A socket that cannot be made is one warning: probes then say so, and nothing else
// suffers.
[[nodiscard]] Task<void> serve_heartbeat(
    std::string path, std::function<std::string()> stalled = [] { return ""; });

struct NoPulse {
    bool absent = false;  // nobody listens there
    std::string cause;
};
// Ends at `give_up` at the latest.
[[nodiscard]] Task<tl::expected<void, NoPulse>> check_heartbeat(const std::string& path,
                                                                Clock& clock, TimePoint give_up);

}  // namespace fluxpod
