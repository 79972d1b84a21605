// SPDX-License-Identifier: Apache-2.0
// Open once the route's host has an address: an address literal at once, a name of the hosts file
// at once, else by the resolver, A and AAAA together. A denial is "not yet": the name of a pod
// appears when the pod does. Puts the addresses into the route.
#pragma once

#include <memory>

#include "fluxpod/formats/hosts_file.hpp"
#include "fluxpod/gates/gate.hpp"
#include "fluxpod/gates/resolver.hpp"

namespace fluxpod {

[[nodiscard]] std::unique_ptr<Gate> make_dns_gate(Route& route, Resolver& resolver,
                                                  const HostsFile& hosts_file, Clock& clock);

}  // namespace fluxpod
