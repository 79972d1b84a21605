// SPDX-License-Identifier: Apache-2.0
// Open once the route's host has an address: an address literal at once, a name of the hosts file
// at once, else by the resolver, A and AAAA together. A denial is "not yet": the name of a pod
// appears when the pod does. Puts the addresses into the route.
//
// A denial stays in a DNS cache for as long as its SOA says, under a key that differs from resolver
// to resolver (docs/decisions/dns-cache-keys.md). So, while the name is absent, a poll is one
// question whose denial hurts nobody: one of a type from the private range (65280 to 65534) that
// changes with the time slot, which tells existence on a fresh key and is the same key for all
// pods. Once the name exists, its address is asked, first under the plain key, then under the
// others (DO, CD).
//
// That a resolver understands private types shows at the apex of the zone that denied the name; if
// it does not, or if it holds denials for a name as a whole, addresses are polled too, or instead.
//
// While later gates are shut, addresses are asked again after 0.5, 1, 2, 4, 4, ... seconds under
// changing keys, so that a pod that came back with another address is found. A DNS that falls
// silent meanwhile does not take known addresses away.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "fluxpod/gates/gate.hpp"
#include "fluxpod/gates/resolver.hpp"
#include "fluxpod/identity/live_files.hpp"

namespace fluxpod {

struct DnsGateOptions {
    // The longest wait for an answer in one attempt; lost packets are asked again long before.
    Duration answer_timeout = std::chrono::seconds(5);
    // How many pods may be asking at the same time: the more, the slower each of them polls.
    std::uint32_t crowd = 500;
    // Clock::now() plus this is the time since the epoch, from which pods that share nothing else
    // compute the same time slot. Unset: the machine's.
    std::optional<Duration> epoch_offset;
};

// Route, resolver and hosts file must outlive the gate.
[[nodiscard]] std::unique_ptr<Gate> make_dns_gate(Route& route, Resolver& resolver,
                                                  const LiveHosts& hosts_file, Clock& clock,
                                                  DnsGateOptions options = {});

}  // namespace fluxpod
