// SPDX-License-Identifier: Apache-2.0
// Open once the DNS calls one of this pod's own addresses by a name that gives it a rank: a compose
// replica has no other sign of its rank. All addresses are asked at once, and all names of an
// answer count, since an engine may list a container's id, its aliases and its name in any order.
//
// A name that is not there yet, a server that fails and an address that is not there yet are "not
// yet". Names that give no rank are "never" once they have been all there is for five seconds, and
// so is a resolv.conf without a nameserver.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fluxpod/gates/gate.hpp"
#include "fluxpod/gates/resolver.hpp"

namespace fluxpod {

struct ReverseQuestion {
    // This pod's addresses at the time of each attempt.
    std::function<std::vector<asio::ip::address>()> own_addresses;
    // The rank that a name gives this pod; an error if it gives none.
    std::function<Result<std::uint32_t>(const std::string& name)> rank_of;
    std::string advice;  // Gate::advice
};

// Puts the name into `found`. `resolver`, `clock` and `found` must outlive the gate.
[[nodiscard]] std::unique_ptr<Gate> make_reverse_gate(ReverseQuestion question, Resolver& resolver,
                                                      Clock& clock,
                                                      std::optional<std::string>& found);

}  // namespace fluxpod
