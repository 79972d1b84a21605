// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/dns_message.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "dns_record.hpp"
#include "dns_sections.hpp"
#include "dns_wire.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t header_size = 12;

constexpr std::uint16_t flag_response = 0x8000;
constexpr std::uint16_t opcode_mask = 0x7800;
constexpr std::uint16_t flag_authoritative = 0x0400;
constexpr std::uint16_t flag_truncated = 0x0200;
constexpr std::uint16_t flag_recursion_desired = 0x0100;
constexpr std::uint16_t flag_checking_disabled = 0x0010;
constexpr std::uint16_t rcode_mask = 0x000F;
constexpr std::uint16_t edns_payload = 1232;
constexpr std::uint16_t edns_dnssec_ok = 0x8000;

void put_question(std::vector<std::uint8_t>& out, const DnsQuestion& question) {
    const DnsWireName name = dns_wire_name(question.name);
    out.insert(out.end(), name.begin(), name.end());
    out.push_back(0);
    put16(out, question.type);
    put16(out, dns_class_in);
}

// What a server says that did not look at the question: it could not read or would not serve it.
bool may_omit_question(DnsRcode rcode) {
    return rcode == DnsRcode::format_error || rcode == DnsRcode::server_failure ||
           rcode == DnsRcode::not_implemented || rcode == DnsRcode::refused;
}

}  // namespace

std::vector<std::uint8_t> encode_dns_query(const DnsQuestion& question, std::uint16_t id,
                                           bool edns) {
    std::uint16_t flags = flag_recursion_desired;
    if (question.checking_disabled) flags |= flag_checking_disabled;
    std::vector<std::uint8_t> query;
    put16(query, id);
    put16(query, flags);
    const std::array<std::uint16_t, 4> counts{1, 0, 0, edns ? std::uint16_t{1} : std::uint16_t{0}};
    for (const auto count : counts) put16(query, count);
    put_question(query, question);
    if (!edns) return query;
    query.push_back(0);  // OPT belongs to the root
    put16(query, dns_type::opt);
    put16(query, edns_payload);
    put16(query, 0);  // extended result code and version
    put16(query, question.dnssec_ok ? edns_dnssec_ok : std::uint16_t{0});
    put16(query, 0);  // no options
    return query;
}

OrCause<DnsAnswer> decode_dns_response(std::span<const std::uint8_t> bytes,
                                       const DnsQuestion& question, std::uint16_t id) {
    DnsReader reader(bytes, 0, bytes.size());
    std::array<std::uint16_t, header_size / 2> header{};
    for (auto& field : header) {
        const auto value = reader.u16();
        if (!value) return tl::unexpected(describe_dns_fault(value.error()));
        field = *value;
    }
    const auto [its_id, flags, questions, answers, authorities, additionals] = header;
    if (its_id != id) return tl::unexpected<std::string>("another id");
    if ((flags & flag_response) == 0 || (flags & opcode_mask) != 0) {
        return tl::unexpected<std::string>("not a response");
    }
    DnsAnswer answer;
    answer.rcode = static_cast<DnsRcode>(flags & rcode_mask);
    if (questions == 0 && answers == 0 && may_omit_question(answer.rcode)) return answer;
    // Byte by byte as it was asked. A name at this place cannot be compressed yet.
    std::vector<std::uint8_t> asked;
    put_question(asked, question);
    const auto rest = bytes.subspan(header_size);
    if (questions == 1 && rest.size() < asked.size() &&
        std::equal(rest.begin(), rest.end(), asked.begin())) {
        return tl::unexpected(describe_dns_fault(DnsFault::cut_short));
    }
    if (questions != 1 || rest.size() < asked.size() ||
        !std::equal(asked.begin(), asked.end(), rest.begin())) {
        return tl::unexpected<std::string>("another question");
    }
    answer.truncated = (flags & flag_truncated) != 0;
    answer.authoritative = (flags & flag_authoritative) != 0;
    if (answer.truncated) return answer;
    DnsReader records(bytes, header_size + asked.size(), bytes.size());
    const auto read =
        read_dns_sections(bytes, records, {answers, authorities, additionals}, question, answer);
    if (!read) return tl::unexpected(describe_dns_fault(read.error()));
    return answer;
}

}  // namespace fluxpod
