// SPDX-License-Identifier: Apache-2.0
// The first byte says how the rest is used: as a whole message, as what follows the right id and
// the right question, or as the name of a query.
#include "fluxpod/formats/dns_message.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "fluxpod/formats/dns_name.hpp"
#include "property.hpp"

using namespace fluxpod;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t id = 0x1234;
constexpr std::size_t header_size = 12;
constexpr std::size_t least_record = 16;  // a pointer, the fixed fields, an IPv4 address
constexpr std::array<std::uint16_t, 4> types{dns_type::a, dns_type::aaaa, dns_type::ptr, 65280};

void add16(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}

// The query's own header and question, made a response.
Bytes response_to(const DnsQuestion& question) {
    Bytes bytes = encode_dns_query(question, id);
    constexpr std::size_t opt_size = 11;
    bytes.resize(bytes.size() - opt_size);
    bytes[2] |= 0x80U;
    bytes[header_size - 1] = 0;  // no OPT record
    return bytes;
}

void check_answer(const DnsAnswer& answer, const DnsQuestion& question, std::size_t size) {
    const bool any = !answer.addresses.empty() || !answer.names.empty();
    must_hold(!any || answer.rcode == DnsRcode::no_error, "only success has records");
    must_hold(!any || !answer.truncated, "a truncated answer has no records");
    must_hold(!answer.denial_ttl || !any, "a denial has no records");
    must_hold(!answer.denial_ttl || answer.rcode == DnsRcode::no_error ||
                  answer.rcode == DnsRcode::name_error,
              "only a denial has a denial's TTL");
    must_hold(answer.ttl <= 0x7FFFFFFF, "a TTL has 31 bits");
    must_hold((answer.addresses.size() + answer.names.size()) * least_record <= size,
              "no more records than fit");
    for (const auto& address : answer.addresses) {
        must_hold(question.type == (address.is_v4() ? dns_type::a : dns_type::aaaa),
                  "addresses are of the asked type");
    }
    must_hold(answer.names.empty() || question.type == dns_type::ptr, "names come with PTR");
    must_hold(std::all_of(answer.names.begin(), answer.names.end(), is_dns_name),
              "a PTR target can be asked");
}

// The same addresses, written plainly, are read again.
void check_round_trip(const DnsAnswer& answer, const DnsQuestion& question) {
    if (answer.addresses.empty()) return;
    Bytes bytes = response_to(question);
    bytes[6] = static_cast<std::uint8_t>(answer.addresses.size() >> 8U);
    bytes[7] = static_cast<std::uint8_t>(answer.addresses.size());
    for (const auto& address : answer.addresses) {
        add16(bytes, 0xC000 + header_size);
        add16(bytes, question.type);
        add16(bytes, 1);
        add16(bytes, answer.ttl >> 16U);
        add16(bytes, answer.ttl & 0xFFFFU);
        const auto append = [&bytes](const auto& raw) {
            add16(bytes, raw.size());
            bytes.insert(bytes.end(), raw.begin(), raw.end());
        };
        address.is_v4() ? append(address.to_v4().to_bytes()) : append(address.to_v6().to_bytes());
    }
    const auto again = decode_dns_response(bytes, question, id);
    must_hold(again && again->addresses == answer.addresses && again->ttl == answer.ttl,
              "what was read can be written and read again");
}

void check_response(const Bytes& bytes, const DnsQuestion& question) {
    const auto answer = decode_dns_response(bytes, question, id);
    if (!answer) {
        must_hold(!answer.error().empty(), "a refusal has a reason");
        return;
    }
    check_answer(*answer, question, bytes.size());
    check_round_trip(*answer, question);
    must_hold(!decode_dns_response(bytes, question, id ^ 1U), "another id is refused");
    const bool repeats_the_question = bytes[4] != 0 || bytes[5] != 0;
    must_hold(repeats_the_question ||
                  (answer->rcode != DnsRcode::no_error && answer->rcode != DnsRcode::name_error),
              "neither success nor a denial comes without the question");
    DnsQuestion other = question;
    other.name[0] ^= 0x20;
    must_hold(!repeats_the_question || !decode_dns_response(bytes, other, id),
              "another case of the name is refused");
}

void check_query(std::string_view name) {
    if (!is_dns_name(name)) return;
    const DnsQuestion question{.name = std::string(name)};
    const auto query = encode_dns_query(question, id);
    must_hold(query.size() == header_size + name.size() + 2 + 4 + 11, "a query has its size");
    must_hold(!decode_dns_response(query, question, id), "a query is not a response");
    const auto answer = decode_dns_response(response_to(question), question, id);
    must_hold(answer && answer->addresses.empty(), "the bare question is an answer without data");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const DnsQuestion question{.name = "fp-0.flux-service.default.svc.cluster.local",
                               .type = types.at((data[0] >> 2U) % types.size())};
    const unsigned use = data[0] % 4U;
    ++data, --size;
    if (use == 0) {
        check_response(Bytes(data, data + size), question);
    } else if (use == 1) {
        check_query(as_text(data, size));
    } else if (size >= header_size - 2) {
        // Flags and counts as they come, the id and the question as they should be.
        Bytes bytes = response_to(question);
        std::copy_n(data, header_size - 2, bytes.begin() + 2);
        if (use == 2) bytes[2] = static_cast<std::uint8_t>(0x80U | (bytes[2] & 0x05U));
        bytes[4] = 0, bytes[5] = 1;
        bytes.insert(bytes.end(), data + header_size - 2, data + size);
        check_response(bytes, question);
    }
    return 0;
}
