// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/dns_message.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"

using namespace fluxpod;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t response = 0x8180;  // QR, RD, RA
constexpr std::uint16_t name_error = 3;

void add(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }
void add16(Bytes& to, unsigned value) {
    add(to, {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)});
}
void add32(Bytes& to, std::uint32_t value) {
    add16(to, value >> 16U);
    add16(to, value & 0xFFFFU);
}

Bytes wire(std::string_view name) {
    Bytes bytes;
    if (!name.empty()) {
        for (const auto& label : split(name, '.')) {
            bytes.push_back(static_cast<std::uint8_t>(label.size()));
            bytes.insert(bytes.end(), label.begin(), label.end());
        }
    }
    bytes.push_back(0);
    return bytes;
}

Bytes pointer(std::size_t target) {
    return {static_cast<std::uint8_t>(0xC0U | (target >> 8U)), static_cast<std::uint8_t>(target)};
}
constexpr std::size_t question_at = 12;

Bytes record(const Bytes& owner, std::uint16_t type, std::uint32_t ttl, const Bytes& data,
             unsigned record_class = 1) {
    Bytes bytes = owner;
    add16(bytes, type);
    add16(bytes, record_class);
    add32(bytes, ttl);
    add16(bytes, static_cast<unsigned>(data.size()));
    add(bytes, data);
    return bytes;
}

Bytes soa_data(std::uint32_t minimum) {
    Bytes data = wire("ns.dns.cluster.local");
    add(data, wire("hostmaster.cluster.local"));
    for (const std::uint32_t value : {1U, 7200U, 1800U, 86400U, minimum}) add32(data, value);
    return data;
}

struct Message {
    DnsQuestion question{.name = "fp-0.flux.ns.svc.cluster.local", .type = dns_type::a};
    std::uint16_t id = 0x1234;
    unsigned flags = response;
    std::vector<Bytes> answers, authorities, additionals;

    [[nodiscard]] Bytes bytes() const {
        Bytes out;
        add16(out, id);
        add16(out, flags);
        add16(out, 1);
        for (const auto* section : {&answers, &authorities, &additionals}) {
            add16(out, static_cast<unsigned>(section->size()));
        }
        add(out, wire(question.name));
        add16(out, question.type);
        add16(out, 1);
        for (const auto* section : {&answers, &authorities, &additionals}) {
            for (const auto& one : *section) add(out, one);
        }
        return out;
    }
    [[nodiscard]] auto decoded() const { return decode_dns_response(bytes(), question, id); }
};

std::string addresses_in(const OrCause<DnsAnswer>& answer) {
    if (!answer) return "refused: " + answer.error();
    std::vector<std::string> texts;
    for (const auto& address : answer->addresses) texts.push_back(address.to_string());
    return join(texts, " ");
}

// One message with everything in it: a chain of CNAMEs in the wrong order, compression, two
// addresses, an SOA, an OPT record.
Message rich_message() {
    Message message;
    message.question.name = "www.example.org";
    message.answers = {
        record(wire("c.example.net"), dns_type::a, 20, {10, 0, 0, 1}),
        record(wire("b.example.net"), dns_type::cname, 40, wire("C.EXAMPLE.net")),
        record(pointer(question_at), dns_type::cname, 30, wire("b.example.net")),
        record(wire("c.example.NET"), dns_type::a, 25, {10, 0, 0, 2}),
    };
    message.authorities = {record(pointer(question_at + 4), dns_type::soa, 60, soa_data(5))};
    message.additionals = {record({0}, dns_type::opt, 0, {}, 1232)};
    return message;
}

}  // namespace

TEST_CASE("a query asks for recursion and offers EDNS") {
    const Bytes expected{0x12, 0x34, 0x01, 0x00, 0,    1, 0, 0, 0, 0, 0, 1,  // header
                         2,    'f',  'p',  1,    'x',  0, 0, 1, 0, 1,        // question
                         0,    0,    41,   0x04, 0xD0, 0, 0, 0, 0, 0, 0};    // OPT, 1232
    CHECK(encode_dns_query({.name = "fp.x"}, 0x1234) == expected);
}

TEST_CASE("without EDNS a query is its question") {
    auto query = encode_dns_query({.name = "fp.x"}, 0x1234);
    query.resize(query.size() - 11);
    query[11] = 0;
    CHECK(encode_dns_query({.name = "fp.x"}, 0x1234, false) == query);
}

TEST_CASE("DO is in the OPT record and CD in the header") {
    const DnsQuestion plain{.name = "fp.x", .type = 65280};
    DnsQuestion both = plain;
    both.dnssec_ok = both.checking_disabled = true;
    auto expected = encode_dns_query(plain, 1);
    CHECK(expected[18] == 0xFF);
    CHECK(expected[19] == 0x00);
    expected[3] |= 0x10;
    expected[expected.size() - 4] |= 0x80;
    CHECK(encode_dns_query(both, 1) == expected);
}

TEST_CASE("a query's name keeps its case") {
    const auto query = encode_dns_query({.name = "Fp-0.X"}, 1);
    CHECK(std::string(query.begin() + 13, query.begin() + 17) == "Fp-0");
}

TEST_CASE("addresses of the question's name are read, with the least TTL") {
    Message message;
    message.flags |= 0x0400;
    message.answers = {record(pointer(question_at), dns_type::a, 30, {10, 244, 1, 4}),
                       record(pointer(question_at), dns_type::a, 5, {10, 244, 1, 5})};
    const auto answer = message.decoded();
    CHECK(addresses_in(answer) == "10.244.1.4 10.244.1.5");
    CHECK(answer->ttl == 5);
    CHECK(answer->authoritative);
    CHECK_FALSE(answer->truncated);
    CHECK_FALSE(answer->denial_ttl.has_value());
}

TEST_CASE("IPv6 addresses are read if they were asked for") {
    const Bytes loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    Message message;
    message.answers = {record(pointer(question_at), dns_type::aaaa, 30, loopback)};
    CHECK(addresses_in(message.decoded()) == "");
    message.question.type = dns_type::aaaa;
    CHECK(addresses_in(message.decoded()) == "::1");
}

TEST_CASE("CNAMEs are followed in any order, without regard to case") {
    const auto answer = rich_message().decoded();
    CHECK(addresses_in(answer) == "10.0.0.1 10.0.0.2");
    CHECK(answer->ttl == 20);
    CHECK_FALSE(answer->denial_ttl.has_value());
}

TEST_CASE("records of another name, class or type do not count") {
    Message message;
    message.answers = {record(wire("other.name"), dns_type::a, 1, {6, 6, 6, 6}),
                       record(pointer(question_at), dns_type::a, 1, {6, 6, 6, 6}, 3),
                       record(pointer(question_at), 99, 1, {6, 6, 6, 6})};
    const auto answer = message.decoded();
    CHECK(addresses_in(answer) == "");
    CHECK(answer->ttl == 0);
}

TEST_CASE("CNAMEs in a circle are refused") {
    Message message;
    message.answers = {record(pointer(question_at), dns_type::cname, 1, wire("b")),
                       record(wire("b"), dns_type::cname, 1, pointer(question_at))};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed record");
    message.answers = {record(pointer(question_at), dns_type::cname, 1, pointer(question_at))};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed record");
}

TEST_CASE("sixteen CNAMEs are followed, seventeen are not") {
    for (const int length : {16, 17}) {
        Message message;
        message.question.name = "n0";
        for (int i = 0; i < length; ++i) {
            message.answers.push_back(record(wire("n" + std::to_string(i)), dns_type::cname, 1,
                                             wire("n" + std::to_string(i + 1))));
        }
        message.answers.push_back(
            record(wire("n" + std::to_string(length)), dns_type::a, 1, {10, 0, 0, 1}));
        CHECK(message.decoded().has_value() == (length == 16));
    }
}

TEST_CASE("a denial lasts the lesser of the SOA's TTL and its minimum") {
    Message message;
    message.flags |= name_error;
    for (const auto& [ttl, minimum] : {std::pair{30U, 5U}, std::pair{5U, 30U}}) {
        message.authorities = {
            record(wire("cluster.local"), dns_type::soa, ttl, soa_data(minimum))};
        const auto answer = message.decoded();
        REQUIRE(answer.has_value());
        CHECK(answer->rcode == DnsRcode::name_error);
        CHECK(answer->denial_ttl == 5);
        CHECK(answer->denial_zone == "cluster.local");
    }
}

TEST_CASE("the root's denial names no zone") {
    Message message;
    message.flags |= name_error;
    message.authorities = {record(Bytes{0}, dns_type::soa, 30, soa_data(30))};
    REQUIRE(message.decoded().has_value());
    CHECK(message.decoded()->denial_zone.empty());
}

TEST_CASE("no data is a denial too, also for a type of the private range") {
    Message message;
    message.question.type = 65280;
    message.authorities = {record(wire("cluster.local"), dns_type::soa, 30, soa_data(30))};
    const auto answer = message.decoded();
    REQUIRE(answer.has_value());
    CHECK(answer->rcode == DnsRcode::no_error);
    CHECK(answer->denial_ttl == 30);
    message.answers = {record(pointer(question_at), 65280, 30, {1, 2, 3})};
    CHECK_FALSE(message.decoded()->denial_ttl.has_value());
}

TEST_CASE("a denial without an SOA and a failure with one have no such time") {
    Message message;
    message.flags |= name_error;
    CHECK_FALSE(message.decoded()->denial_ttl.has_value());
    message.flags = response | 2U;
    message.authorities = {record(wire("cluster.local"), dns_type::soa, 30, soa_data(30))};
    const auto answer = message.decoded();
    CHECK(answer->rcode == DnsRcode::server_failure);
    CHECK_FALSE(answer->denial_ttl.has_value());
}

TEST_CASE("records beside a denial or a failure: not an answer") {
    Message message;
    message.answers = {record(pointer(question_at), dns_type::a, 5, {10, 0, 0, 1})};
    for (const unsigned rcode : {1U, 2U, 3U, 5U}) {
        CAPTURE(rcode);
        message.flags = response | rcode;
        const auto answer = message.decoded();
        REQUIRE(answer);
        CHECK(answer->addresses.empty());
    }
    message.flags = response;
    message.additionals = {record({0}, dns_type::opt, 0x01000000, {}, 1232)};  // BADVERS
    REQUIRE(message.decoded());
    CHECK(message.decoded()->addresses.empty());
}

TEST_CASE("a TTL with the highest bit set is zero") {
    Message message;
    message.answers = {record(pointer(question_at), dns_type::a, 0x80000000U, {10, 0, 0, 1})};
    CHECK(message.decoded()->ttl == 0);
    message.answers = {record(pointer(question_at), dns_type::a, 0x7FFFFFFFU, {10, 0, 0, 1})};
    CHECK(message.decoded()->ttl == 0x7FFFFFFFU);
}

TEST_CASE("the upper bits of the result code come from EDNS") {
    Message message;
    message.additionals = {record({0}, dns_type::opt, 0x01000000U, {}, 1232)};
    CHECK(static_cast<int>(message.decoded()->rcode) == 16);
    message.additionals = {record({0}, dns_type::opt, 0xFF000000U, {}, 1232)};
    CHECK(static_cast<int>(message.decoded()->rcode) == 255);
}

TEST_CASE("PTR targets are names, and odd ones are left out") {
    Message message;
    message.question = {.name = "4.1.244.10.in-addr.arpa", .type = dns_type::ptr};
    Bytes dotted{3, 'a', '.', 'b', 0};
    message.answers = {
        record(pointer(question_at), dns_type::ptr, 30, wire("Project-svc-3.net")),
        record(pointer(question_at), dns_type::ptr, 30, dotted),
        record(pointer(question_at), dns_type::ptr, 30, wire("bad\nname")),
        record(pointer(question_at), dns_type::ptr, 30, {0}),
    };
    const auto answer = message.decoded();
    REQUIRE(answer.has_value());
    CHECK(join(answer->names, " ") == "Project-svc-3.net");
}

TEST_CASE("reverse names may be given to the root, and addresses may not") {
    Message message;
    message.question = {.name = "4.1.244.10.in-addr.arpa", .type = dns_type::ptr};
    message.answers = {record({0}, dns_type::ptr, 0, wire("project-flux-1"))};
    CHECK(join(message.decoded()->names, " ") == "project-flux-1");
    message.question = {.name = "fp-0.flux", .type = dns_type::a};
    message.answers = {record({0}, dns_type::a, 0, {10, 0, 0, 1})};
    CHECK(addresses_in(message.decoded()).empty());
}

TEST_CASE("only the answer to this very question is one") {
    Message message;
    message.question.name = "Fp-0.Flux";
    message.answers = {record(wire("fp-0.flux"), dns_type::a, 1, {10, 0, 0, 1})};
    const auto bytes = message.bytes();
    CHECK(addresses_in(message.decoded()) == "10.0.0.1");
    CHECK(decode_dns_response(bytes, message.question, 0x1235).error() == "another id");
    DnsQuestion other = message.question;
    other.name = "fp-0.flux";
    CHECK(decode_dns_response(bytes, other, message.id).error() == "another question");
    other.name = "Fp-1.Flux";
    CHECK(decode_dns_response(bytes, other, message.id).error() == "another question");
    other = message.question;
    other.type = dns_type::aaaa;
    CHECK(decode_dns_response(bytes, other, message.id).error() == "another question");
}

TEST_CASE("a failure without the question: the server's answer, unlike any other rcode") {
    Message message;
    const auto header_only = [&message](unsigned rcode) {
        message.flags = response | rcode;
        auto bytes = message.bytes();
        bytes.resize(12);
        bytes[5] = 0;
        return decode_dns_response(bytes, message.question, message.id);
    };
    for (const auto rcode : {DnsRcode::format_error, DnsRcode::server_failure,
                             DnsRcode::not_implemented, DnsRcode::refused}) {
        CAPTURE(static_cast<int>(rcode));
        REQUIRE(header_only(static_cast<unsigned>(rcode)).has_value());
        CHECK(header_only(static_cast<unsigned>(rcode))->rcode == rcode);
    }
    for (const unsigned rcode : {0U, 3U, 6U, 15U}) {
        CAPTURE(rcode);
        CHECK(header_only(rcode).error() == "another question");
    }
    message.id = 0x4321;
    auto bytes = message.bytes();
    bytes.resize(12);
    bytes[5] = 0;
    CHECK(decode_dns_response(bytes, message.question, 0x1234).error() == "another id");
}

TEST_CASE("a query, another operation and an empty question section: not a response") {
    Message message;
    message.flags = 0x0100;
    CHECK(message.decoded().error() == "not a response");
    message.flags = response | 0x2800U;
    CHECK(message.decoded().error() == "not a response");
    message.flags = response;
    for (const std::uint8_t count : Bytes{0, 2}) {
        auto bytes = message.bytes();
        bytes[5] = count;
        CHECK(decode_dns_response(bytes, message.question, message.id).error() ==
              "another question");
    }
    const auto query = encode_dns_query(message.question, message.id);
    CHECK(decode_dns_response(query, message.question, message.id).error() == "not a response");
}

TEST_CASE("a truncated answer says so, and its records are not read") {
    Message message = rich_message();
    message.flags |= 0x0200;
    auto bytes = message.bytes();
    bytes.resize(bytes.size() / 2);
    const auto answer = decode_dns_response(bytes, message.question, message.id);
    REQUIRE(answer.has_value());
    CHECK(answer->truncated);
    CHECK(answer->addresses.empty());
}

TEST_CASE("a compression pointer that does not go backwards is refused") {
    Message message;
    const auto start = message.bytes().size();
    for (const Bytes& owner :
         {pointer(start), pointer(start + 2), pointer(0x3FFF), Bytes{1, 'a', 0xC0, 0xFF},
          Bytes{1, 'a', static_cast<std::uint8_t>(0xC0U | (start >> 8U)),
                static_cast<std::uint8_t>(start)}}) {
        message.answers = {record(owner, dns_type::a, 1, {10, 0, 0, 1})};
        CHECK(addresses_in(message.decoded()) == "refused: a malformed name");
    }
}

TEST_CASE("a chain of very many pointers is refused") {
    Message message;
    Bytes chain;
    const std::size_t start = message.bytes().size() + 11;  // in the data of the first record
    for (std::size_t i = 0; i < 1000; ++i) {
        add(chain, pointer(i == 0 ? question_at : start + 2 * (i - 1)));
    }
    message.answers = {record({0}, 99, 1, chain),
                       record(pointer(start + 2 * 999), dns_type::a, 1, {10, 0, 0, 1})};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed name");
    message.answers[1] = record(pointer(start + 2 * 20), dns_type::a, 1, {10, 0, 0, 1});
    CHECK(addresses_in(message.decoded()) == "10.0.0.1");
}

TEST_CASE("names that are too long and labels of unknown kinds are refused") {
    Message message;
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
    message.answers = {record(wire(longest), dns_type::a, 1, {10, 0, 0, 1})};
    CHECK(message.decoded().has_value());
    message.answers = {record(wire(longest + "a"), dns_type::a, 1, {10, 0, 0, 1})};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed name");
    for (const std::uint8_t kind : Bytes{0x40, 0x80}) {
        message.answers = {record({kind, 0}, dns_type::a, 1, {10, 0, 0, 1})};
        CHECK(addresses_in(message.decoded()) == "refused: a malformed name");
    }
}

TEST_CASE("data of the wrong size is refused") {
    Message message;
    message.answers = {record(pointer(question_at), dns_type::a, 1, {10, 0, 0})};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed record");
    message.answers = {record(pointer(question_at), dns_type::a, 1, {10, 0, 0, 1, 2})};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed record");
    Bytes alias = wire("b");
    alias.push_back(0);
    message.answers = {record(pointer(question_at), dns_type::cname, 1, alias)};
    CHECK(addresses_in(message.decoded()) == "refused: a malformed record");
    message.answers = {};
    Bytes soa = soa_data(1);
    soa.pop_back();
    message.authorities = {record({0}, dns_type::soa, 1, soa)};
    CHECK(addresses_in(message.decoded()) == "refused: cut short");
}

TEST_CASE("a name may not leave its record's data") {
    Message message;
    message.answers = {record(pointer(question_at), dns_type::cname, 1, {3, 'a', 'b'}),
                       record({0}, 99, 1, {})};
    CHECK(addresses_in(message.decoded()) == "refused: cut short");
}

TEST_CASE("counts that promise more than is there are refused") {
    const auto message = rich_message();
    for (const std::size_t count_at : {6U, 8U, 10U}) {
        auto bytes = message.bytes();
        bytes[count_at] = bytes[count_at + 1] = 0xFF;
        CHECK_FALSE(decode_dns_response(bytes, message.question, message.id).has_value());
    }
}

TEST_CASE("a message that ends anywhere before its end is cut short") {
    const auto message = rich_message();
    const auto bytes = message.bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        // A copy of its own, so that the sanitizer sees a byte read too far.
        const Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const auto answer = decode_dns_response(part, message.question, message.id);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error() == "cut short");
    }
}

TEST_CASE("a message with any byte changed is read or refused, never more") {
    const auto message = rich_message();
    const auto bytes = message.bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        for (unsigned flip = 1; flip <= 0xFF; ++flip) {
            Bytes changed = bytes;
            changed[i] = static_cast<std::uint8_t>(changed[i] ^ flip);
            const auto answer = decode_dns_response(changed, message.question, message.id);
            if (answer) CHECK(answer->addresses.size() <= 2);
        }
    }
}

TEST_CASE("random bytes after a good question are read or refused, never more") {
    Message message;
    const auto good = message.bytes();
    std::uint32_t random = 99;
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = good;
        random = random * 1664525U + 1013904223U;
        bytes[7] = static_cast<std::uint8_t>((random >> 24U) % 4);
        bytes[9] = static_cast<std::uint8_t>((random >> 20U) % 3);
        const auto size = (random >> 8U) % 64;
        for (std::uint32_t i = 0; i < size; ++i) {
            random = random * 1664525U + 1013904223U;
            // Mostly small numbers, so that names and counts have a chance to be valid.
            bytes.push_back(static_cast<std::uint8_t>(
                (random >> 16U) % 4 != 0 ? (random >> 24U) % 13 : random >> 24U));
        }
        static_cast<void>(decode_dns_response(bytes, message.question, message.id));
    }
}

TEST_CASE("a message of 64 KiB in which each name is a long chain is done at once") {
    Message message;
    message.question.type = dns_type::aaaa;
    Bytes chain;
    const std::size_t start = message.bytes().size() + 11;
    for (std::size_t i = 0; i < 60; ++i) {
        add(chain, pointer(i == 0 ? question_at : start + 2 * (i - 1)));
    }
    message.answers.push_back(record({0}, 99, 1, chain));
    while (message.answers.size() < 4500) {
        message.answers.push_back(record(pointer(start + 2 * 59), dns_type::a, 1, {}));
    }
    CHECK(message.decoded().has_value());
}
