// SPDX-License-Identifier: Apache-2.0
// DNS questions and answers as bytes: RFC 1035 (form), RFC 2308 (what a denial's SOA says),
// RFC 6891 (EDNS, the DO bit), RFC 4035 (the CD bit). Every byte of an answer is hostile: names are
// bounded, compression pointers only go backwards and a bounded number of times, counts are
// checked against what is there.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

// Types by number, so that those of the private range (65280 to 65534) need no names.
namespace dns_type {
inline constexpr std::uint16_t a = 1, cname = 5, soa = 6, ptr = 12, aaaa = 28, opt = 41;
}

enum class DnsRcode : std::uint8_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    name_error = 3,
    not_implemented = 4,
    refused = 5
};

struct DnsQuestion {
    std::string name;  // absolute, without the final dot, at most 253 characters
    std::uint16_t type = dns_type::a;
    bool dnssec_ok = false;          // DO, in the OPT record
    bool checking_disabled = false;  // CD, in the header
};

struct DnsAnswer {
    DnsRcode rcode = DnsRcode::no_error;  // with EDNS's upper bits; may be a number without a name
    bool truncated = false;               // then the records were not read: ask again by TCP
    bool authoritative = false;
    std::vector<boost::asio::ip::address> addresses;  // of the question's name, CNAMEs followed
    std::vector<std::string> names;                   // PTR targets
    std::uint32_t ttl = 0;                            // seconds, the least of the records used
    // For a denial (NXDOMAIN, or no data): min(SOA's TTL, SOA's minimum), RFC 2308 section 5.
    std::optional<std::uint32_t> denial_ttl;
    // The zone that denies: that SOA's owner, a name which itself exists. Empty for the root's.
    std::string denial_zone;
};

// The bytes of a query with recursion desired and, for `edns`, an OPT record that offers 1232 bytes
// and holds the DO bit. The question's name must satisfy is_dns_name.
[[nodiscard]] std::vector<std::uint8_t> encode_dns_query(const DnsQuestion& question,
                                                         std::uint16_t id, bool edns = true);

// Reads a response to `question` with `id`. The error is the cause in words: "another id", "another
// question", "not a response", "cut short". Only records of class IN and of the asked type count (A
// for A), at the question's name or at the end of its CNAMEs, and only if the rcode is no_error:
// records in a denial or a failure are not an answer. A server that does not serve a question may
// leave it out of its answer: FORMERR, SERVFAIL, NOTIMP or REFUSED as a header alone. Every other
// answer repeats the question, and its name is compared as bytes (case included), so that 0x20
// randomisation by the caller is verified here.
[[nodiscard]] OrCause<DnsAnswer> decode_dns_response(std::span<const std::uint8_t> bytes,
                                                     const DnsQuestion& question, std::uint16_t id);

}  // namespace fluxpod
