// SPDX-License-Identifier: Apache-2.0
// Notices that the parent broker is gone without a goodbye, which Flux does not
// (docs/decisions/lost-parent.md). In good times it only looks at the kernel's table of
// connections; the network is asked once that shows a fault.
//
// A broker that could recover is left alone: a connection that is merely not answered may come back
// to life when the network does. It is lost once the parent is found at another address.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/gates/gate.hpp"
#include "fluxpod/gates/resolver.hpp"
#include "fluxpod/identity/live_files.hpp"
#include "fluxpod/supervise/parent_link.hpp"

namespace fluxpod {

// The knowledge about the parent of the broker that runs now.
struct ParentSeen {
    bool connected = false;  // the broker was connected to it
    bool joined = false;     // for longer than a greeting that is refused, or by its own word
};

class ParentWatch {
  public:
    using Look = std::function<Link(const asio::ip::tcp::endpoint&)>;
    // The broker is connected anew, to the same parent or to one that does not know it: Flux finds
    // out with the next message, which may be seconds away, so that one should be sent.
    using Reconnected = std::function<Task<void>()>;

    // `parent` has the endpoint that answered. The references must outlive the watch.
    ParentWatch(Route parent, ParentSeen& seen, Resolver& resolver, const LiveHosts& hosts_file,
                Clock& clock, std::uint64_t seed, Reconnected reconnected,
                Look look = look_at_link);

    // Ends when the parent is lost, with how that showed: "10.244.1.4:8050 refuses connections".
    [[nodiscard]] Task<std::string> lost();

  private:
    [[nodiscard]] Task<std::optional<std::string>> gone();
    [[nodiscard]] Task<std::optional<std::string>> moved();

    Route parent_;
    ParentSeen& seen_;
    Route elsewhere_;
    Resolver& resolver_;
    const LiveHosts& hosts_file_;
    Clock& clock_;
    std::uint64_t seed_;
    Backoff pause_;
    Reconnected reconnected_;
    Look look_;
    std::string local_;  // the connection's near end, once there is one
    std::optional<TimePoint> absent_since_;
    std::unique_ptr<Gate> name_;  // while the connection is stalled
    TimePoint ask_name_at_{};
};

}  // namespace fluxpod
