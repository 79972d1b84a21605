// SPDX-License-Identifier: Apache-2.0
// The three sections after the question of a DNS response, and what they answer to it: addresses or
// names at the end of CNAMEs, or for how long the denial holds.
#pragma once

#include <cstdint>

#include "dns_wire.hpp"
#include "fluxpod/formats/dns_message.hpp"

namespace fluxpod {

struct DnsCounts {
    std::uint16_t answers = 0, authorities = 0, additionals = 0;
};

// Reads from the end of the question on and completes `answer`, whose rcode is that of the header.
[[nodiscard]] DnsRead<void> read_dns_sections(DnsBytes message, DnsReader& reader,
                                              const DnsCounts& counts, const DnsQuestion& question,
                                              DnsAnswer& answer);

}  // namespace fluxpod
