// SPDX-License-Identifier: Apache-2.0
// Resource records of a DNS message, and the data of the types that are read: RFC 1035
// section 4.1.3.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dns_wire.hpp"

namespace fluxpod {

inline constexpr std::uint16_t dns_class_in = 1;

struct DnsRecord {
    DnsWireName owner;  // lower case
    std::uint16_t type = 0, record_class = 0;
    std::uint32_t ttl = 0;               // as received: OPT keeps other things there
    std::size_t data = 0, data_end = 0;  // the place in the message

    // RFC 2181 section 8: a TTL with the highest bit set is zero.
    [[nodiscard]] std::uint32_t seconds() const { return ttl > 0x7FFFFFFF ? 0 : ttl; }
};

[[nodiscard]] DnsRead<std::vector<DnsRecord>> read_dns_records(DnsReader& reader,
                                                               std::uint16_t count);

// The data of a CNAME or PTR record: one name and nothing more.
[[nodiscard]] DnsRead<DnsWireName> name_in(DnsBytes message, const DnsRecord& record);
// The data of an A or AAAA record.
[[nodiscard]] DnsRead<boost::asio::ip::address> address_in(DnsBytes message,
                                                           const DnsRecord& record);
// How long the denial that comes with this SOA may be held (RFC 2308 section 5).
[[nodiscard]] DnsRead<std::uint32_t> denial_seconds(DnsBytes message, const DnsRecord& soa);

}  // namespace fluxpod
