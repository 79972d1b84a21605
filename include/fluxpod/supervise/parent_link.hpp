// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of the broker's connection to its parent, from proc_net_tcp(5): a look that
// sends nothing, so that a thousand followers cost their lead nothing.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

namespace fluxpod {

enum class LinkState {
    connected,  // and nothing waits for an answer
    stalled,    // connected as far as we know, but what was sent was sent again, twice or more
    absent,     // no such connection
    unknown,    // the kernel does not tell: no /proc
};

struct Link {
    LinkState state = LinkState::absent;
    std::string local;  // the near end, as the kernel prints it; of one that is connected

    bool operator==(const Link&) const = default;
};

// Pure: the tables /proc/net/tcp and /proc/net/tcp6, where an IPv4 peer may stand in either.
[[nodiscard]] Link find_link(std::string_view tcp, std::string_view tcp6,
                             const boost::asio::ip::tcp::endpoint& parent);
[[nodiscard]] Link look_at_link(const boost::asio::ip::tcp::endpoint& parent);

}  // namespace fluxpod
