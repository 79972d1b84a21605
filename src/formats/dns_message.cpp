// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/dns_message.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t header_size = 12;
constexpr std::size_t max_wire_name = 255;  // RFC 1035 section 3.1
constexpr std::size_t max_label = 63;
constexpr unsigned max_pointers = 64;  // in one name; no honest record has more
constexpr unsigned max_cnames = 16;
constexpr std::uint16_t class_in = 1;

constexpr std::uint16_t flag_response = 0x8000;
constexpr std::uint16_t opcode_mask = 0x7800;
constexpr std::uint16_t flag_authoritative = 0x0400;
constexpr std::uint16_t flag_truncated = 0x0200;
constexpr std::uint16_t flag_recursion_desired = 0x0100;
constexpr std::uint16_t flag_checking_disabled = 0x0010;
constexpr std::uint16_t rcode_mask = 0x000F;
constexpr std::uint16_t edns_payload = 1232;
constexpr std::uint16_t edns_dnssec_ok = 0x8000;

// A name as labels with their length bytes, without the final zero. Two names are the same if
// these are, in lower case: no length byte (0 to 63) is a letter.
using WireName = std::string;

WireName wire_name(std::string_view text) {
    WireName name;
    for (const auto& label : split(text, '.')) {
        name += static_cast<char>(label.size());
        name += label;
    }
    return name;
}

// ---- writing

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
    out.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

void put_question(std::vector<std::uint8_t>& out, const DnsQuestion& question) {
    const WireName name = wire_name(question.name);
    out.insert(out.end(), name.begin(), name.end());
    out.push_back(0);
    put16(out, question.type);
    put16(out, class_in);
}

// ---- reading

// Why a message is of no use. A value, so that the readers below stay one line per step.
enum class Fault { cut_short, bad_name, bad_record };

std::string describe(Fault fault) {
    switch (fault) {
        case Fault::cut_short: return "cut short";
        case Fault::bad_name: return "a malformed name";
        case Fault::bad_record: return "a malformed record";
    }
    return {};
}

template <class T>
using Read = tl::expected<T, Fault>;

// A place in the message. Every read checks what is left.
class Reader {
  public:
    Reader(Bytes message, std::size_t at, std::size_t end)
        : message_(message), at_(at), end_(end) {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] bool done() const { return at_ == end_; }
    Read<std::uint16_t> u16() {
        if (end_ - at_ < 2) return tl::unexpected(Fault::cut_short);
        const auto value = static_cast<std::uint16_t>((message_[at_] << 8U) | message_[at_ + 1]);
        at_ += 2;
        return value;
    }
    Read<std::uint32_t> u32() {
        const auto high = u16();
        const auto low = u16();
        if (!high || !low) return tl::unexpected(Fault::cut_short);
        return (std::uint32_t{*high} << 16U) | *low;
    }
    Read<void> skip(std::size_t count) {
        if (end_ - at_ < count) return tl::unexpected(Fault::cut_short);
        at_ += count;
        return {};
    }
    Read<WireName> name();

  private:
    Bytes message_;
    std::size_t at_, end_;
};

Read<WireName> Reader::name() {
    WireName name;
    std::size_t here = at_;
    std::size_t segment = at_;  // where the labels that are being read began
    std::size_t end = end_;
    unsigned pointers = 0;
    while (true) {
        if (here >= end) return tl::unexpected(Fault::cut_short);
        const std::size_t length = message_[here];
        if (length == 0) {
            if (pointers == 0) at_ = here + 1;
            return name;
        }
        if (length <= max_label) {
            if (end - here <= length) return tl::unexpected(Fault::cut_short);
            // The final zero counts too.
            if (name.size() + length + 2 > max_wire_name) return tl::unexpected(Fault::bad_name);
            std::copy_n(message_.begin() + static_cast<std::ptrdiff_t>(here), length + 1,
                        std::back_inserter(name));
            here += length + 1;
            continue;
        }
        constexpr std::size_t pointer = 0xC0;
        if ((length & pointer) != pointer) return tl::unexpected(Fault::bad_name);
        if (end - here < 2) return tl::unexpected(Fault::cut_short);
        const std::size_t target = ((length & ~pointer) << 8U) | message_[here + 1];
        if (pointers == 0) at_ = here + 2;
        // Only backwards: so it ends, whatever the bytes say.
        if (target >= segment || ++pointers > max_pointers) {
            return tl::unexpected(Fault::bad_name);
        }
        here = segment = target;
        end = message_.size();
    }
}

struct Record {
    WireName owner;  // lower case
    std::uint16_t type = 0, record_class = 0;
    std::uint32_t ttl = 0;  // as received: OPT keeps other things there
    std::size_t data = 0, data_end = 0;

    // RFC 2181 section 8: a TTL with the highest bit set is zero.
    [[nodiscard]] std::uint32_t seconds() const { return ttl > 0x7FFFFFFF ? 0 : ttl; }
};

Read<Record> read_record(Reader& reader) {
    Record record;
    const auto owner = reader.name();
    if (!owner) return tl::unexpected(owner.error());
    record.owner = lower(*owner);
    const auto type = reader.u16();
    const auto record_class = reader.u16();
    const auto ttl = reader.u32();
    const auto size = reader.u16();
    if (!type || !record_class || !ttl || !size) return tl::unexpected(Fault::cut_short);
    record.type = *type;
    record.record_class = *record_class;
    record.ttl = *ttl;
    record.data = reader.at();
    if (auto skipped = reader.skip(*size); !skipped) return tl::unexpected(skipped.error());
    record.data_end = reader.at();
    return record;
}

Read<std::vector<Record>> read_section(Reader& reader, std::uint16_t count) {
    std::vector<Record> records;  // grows with what is there, not with what the count claims
    for (std::uint16_t i = 0; i < count; ++i) {
        auto record = read_record(reader);
        if (!record) return tl::unexpected(record.error());
        records.push_back(std::move(*record));
    }
    return records;
}

// A record's data that is one name and nothing more.
Read<WireName> name_in(Bytes message, const Record& record) {
    Reader reader(message, record.data, record.data_end);
    auto name = reader.name();
    if (name && !reader.done()) return tl::unexpected(Fault::bad_record);
    return name;
}

template <class Address>
Read<boost::asio::ip::address> address_in(Bytes data) {
    typename Address::bytes_type bytes{};
    if (data.size() != bytes.size()) return tl::unexpected(Fault::bad_record);
    std::copy(data.begin(), data.end(), bytes.begin());
    return boost::asio::ip::address(Address(bytes));
}

Read<std::uint32_t> denial_seconds(Bytes message, const Record& soa) {
    Reader reader(message, soa.data, soa.data_end);
    for (int i = 0; i < 2; ++i) {  // the primary's name and the administrator's
        if (auto name = reader.name(); !name) return tl::unexpected(name.error());
    }
    constexpr std::size_t before_minimum = 16;  // serial, refresh, retry, expire
    if (auto skipped = reader.skip(before_minimum); !skipped) {
        return tl::unexpected(skipped.error());
    }
    const auto minimum = reader.u32();
    if (!minimum) return tl::unexpected(minimum.error());
    if (!reader.done()) return tl::unexpected(Fault::bad_record);
    return std::min(soa.seconds(), *minimum);
}

std::string text_of(const WireName& name) {
    std::string text;
    for (std::size_t at = 0; at < name.size();) {
        const auto length = static_cast<std::uint8_t>(name[at]);
        const auto label = std::string_view(name).substr(at + 1, length);
        // A dot inside a label would read as two labels.
        if (label.find('.') != std::string_view::npos) return {};
        if (at > 0) text += '.';
        text += label;
        at += length + std::size_t{1};
    }
    return text;
}

// Collects from the answer section what the question asked for.
class Collector {
  public:
    Collector(Bytes message, const std::vector<Record>& records, DnsAnswer& answer)
        : message_(message), records_(records), answer_(answer) {}

    // True if records of the type were found at `name` or at the end of its CNAMEs. These come in
    // any order, so each step looks at all records.
    Read<bool> follow(WireName name, std::uint16_t type) {
        for (unsigned step = 0; step <= max_cnames; ++step) {
            auto taken = take_all(name, type);
            if (!taken || *taken) return taken;
            const Record* alias = find_alias(name);
            if (alias == nullptr) return false;
            auto target = name_in(message_, *alias);
            if (!target) return tl::unexpected(target.error());
            use(*alias);
            name = lower(*target);
        }
        return tl::unexpected(Fault::bad_record);
    }

  private:
    Read<bool> take_all(const WireName& name, std::uint16_t type) {
        bool any = false;
        for (const auto& record : records_) {
            if (record.type != type || !is_at(record, name)) continue;
            if (auto taken = take(record); !taken) return tl::unexpected(taken.error());
            use(record);
            any = true;
        }
        return any;
    }
    Read<void> take(const Record& record) {
        if (record.type == dns_type::ptr) return take_name(record);
        if (record.type != dns_type::a && record.type != dns_type::aaaa) return {};
        const auto data = message_.subspan(record.data, record.data_end - record.data);
        const auto address = record.type == dns_type::a
                                 ? address_in<boost::asio::ip::address_v4>(data)
                                 : address_in<boost::asio::ip::address_v6>(data);
        if (!address) return tl::unexpected(address.error());
        answer_.addresses.push_back(*address);
        return {};
    }
    Read<void> take_name(const Record& record) {
        const auto target = name_in(message_, record);
        if (!target) return tl::unexpected(target.error());
        std::string text = text_of(*target);
        if (is_dns_name(text)) answer_.names.push_back(std::move(text));
        return {};
    }
    [[nodiscard]] const Record* find_alias(const WireName& name) const {
        for (const auto& record : records_) {
            if (record.type == dns_type::cname && is_at(record, name)) return &record;
        }
        return nullptr;
    }
    static bool is_at(const Record& record, const WireName& name) {
        // Podman's aardvark-dns 1.4 gives the records of a reverse name to the root.
        const bool owned =
            record.owner == name || (record.type == dns_type::ptr && record.owner.empty());
        return record.record_class == class_in && owned;
    }
    void use(const Record& record) {
        answer_.ttl = used_ ? std::min(answer_.ttl, record.seconds()) : record.seconds();
        used_ = true;
    }

    Bytes message_;
    const std::vector<Record>& records_;
    DnsAnswer& answer_;
    bool used_ = false;
};

struct Counts {
    std::uint16_t answers = 0, authorities = 0, additionals = 0;
};

// What follows the question.
Read<void> read_sections(Bytes message, Reader& reader, const Counts& counts,
                         const DnsQuestion& question, DnsAnswer& answer) {
    const auto answers = read_section(reader, counts.answers);
    if (!answers) return tl::unexpected(answers.error());
    const auto authorities = read_section(reader, counts.authorities);
    if (!authorities) return tl::unexpected(authorities.error());
    const auto additionals = read_section(reader, counts.additionals);
    if (!additionals) return tl::unexpected(additionals.error());

    for (const auto& record : *additionals) {
        if (record.type != dns_type::opt) continue;
        // The upper eight bits of the result code (RFC 6891 section 6.1.3); ours holds eight.
        const std::uint32_t code =
            ((record.ttl >> 24U) << 4U) | static_cast<unsigned>(answer.rcode);
        answer.rcode = static_cast<DnsRcode>(std::min<std::uint32_t>(code, 0xFF));
    }

    bool found = false;
    if (answer.rcode == DnsRcode::no_error) {
        const auto followed = Collector(message, *answers, answer)
                                  .follow(lower(wire_name(question.name)), question.type);
        if (!followed) return tl::unexpected(followed.error());
        found = *followed;
    }
    const bool denied =
        answer.rcode == DnsRcode::name_error || (answer.rcode == DnsRcode::no_error && !found);
    if (!denied) return {};
    for (const auto& record : *authorities) {
        if (record.type != dns_type::soa || record.record_class != class_in) continue;
        const auto seconds = denial_seconds(message, record);
        if (!seconds) return tl::unexpected(seconds.error());
        answer.denial_ttl = std::min(answer.denial_ttl.value_or(*seconds), *seconds);
        answer.denial_zone = text_of(record.owner);
    }
    return {};
}

// What a server says that did not look at the question: it could not read or would not serve it.
bool may_omit_question(DnsRcode rcode) {
    return rcode == DnsRcode::format_error || rcode == DnsRcode::server_failure ||
           rcode == DnsRcode::not_implemented || rcode == DnsRcode::refused;
}

}  // namespace

bool is_dns_name(std::string_view name) {
    constexpr std::size_t max_name = 253;
    if (name.empty() || name.size() > max_name) return false;
    const auto is_control = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7F;
    };
    if (std::any_of(name.begin(), name.end(), is_control)) return false;
    const auto labels = split(name, '.');
    return std::all_of(labels.begin(), labels.end(), [](const auto& label) {
        return !label.empty() && label.size() <= max_label;
    });
}

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
    Reader reader(bytes, 0, bytes.size());
    std::array<std::uint16_t, header_size / 2> header{};
    for (auto& field : header) {
        const auto value = reader.u16();
        if (!value) return tl::unexpected(describe(value.error()));
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
        return tl::unexpected(describe(Fault::cut_short));
    }
    if (questions != 1 || rest.size() < asked.size() ||
        !std::equal(asked.begin(), asked.end(), rest.begin())) {
        return tl::unexpected<std::string>("another question");
    }
    answer.truncated = (flags & flag_truncated) != 0;
    answer.authoritative = (flags & flag_authoritative) != 0;
    if (answer.truncated) return answer;
    Reader records(bytes, header_size + asked.size(), bytes.size());
    const auto read =
        read_sections(bytes, records, {answers, authorities, additionals}, question, answer);
    if (!read) return tl::unexpected(describe(read.error()));
    return answer;
}

std::string reverse_dns_name(const boost::asio::ip::address& address) {
    std::string name;
    if (address.is_v4()) {
        auto bytes = address.to_v4().to_bytes();
        std::reverse(bytes.begin(), bytes.end());
        for (auto byte : bytes) name += std::to_string(byte) + ".";
        return name + "in-addr.arpa";
    }
    constexpr std::string_view digits = "0123456789abcdef";
    auto bytes = address.to_v6().to_bytes();
    std::reverse(bytes.begin(), bytes.end());
    for (auto byte : bytes) name += {digits[byte & 0x0FU], '.', digits[byte >> 4U], '.'};
    return name + "ip6.arpa";
}

}  // namespace fluxpod
