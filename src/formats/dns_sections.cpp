// SPDX-License-Identifier: Apache-2.0
#include "dns_sections.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "dns_record.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

constexpr unsigned max_cnames = 16;

// Collects from the answer section what the question asked for.
class DnsCollector {
  public:
    DnsCollector(DnsBytes message, const std::vector<DnsRecord>& records, DnsAnswer& answer)
        : message_(message), records_(records), answer_(answer) {}

    // True if records of the type were found at `name` or at the end of its CNAMEs. These come in
    // any order, so each step looks at all records.
    DnsRead<bool> follow(DnsWireName name, std::uint16_t type) {
        for (unsigned step = 0; step <= max_cnames; ++step) {
            auto taken = take_all(name, type);
            if (!taken || *taken) return taken;
            const DnsRecord* alias = find_alias(name);
            if (alias == nullptr) return false;
            auto target = name_in(message_, *alias);
            if (!target) return tl::unexpected(target.error());
            use(*alias);
            name = lower(*target);
        }
        return tl::unexpected(DnsFault::bad_record);
    }

  private:
    DnsRead<bool> take_all(const DnsWireName& name, std::uint16_t type) {
        bool any = false;
        for (const auto& record : records_) {
            if (record.type != type || !is_at(record, name)) continue;
            if (auto taken = take(record); !taken) return tl::unexpected(taken.error());
            use(record);
            any = true;
        }
        return any;
    }
    DnsRead<void> take(const DnsRecord& record) {
        if (record.type == dns_type::ptr) return take_name(record);
        if (record.type != dns_type::a && record.type != dns_type::aaaa) return {};
        const auto address = address_in(message_, record);
        if (!address) return tl::unexpected(address.error());
        answer_.addresses.push_back(*address);
        return {};
    }
    DnsRead<void> take_name(const DnsRecord& record) {
        const auto target = name_in(message_, record);
        if (!target) return tl::unexpected(target.error());
        std::string text = text_of_wire_name(*target);
        if (is_dns_name(text)) answer_.names.push_back(std::move(text));
        return {};
    }
    [[nodiscard]] const DnsRecord* find_alias(const DnsWireName& name) const {
        for (const auto& record : records_) {
            if (record.type == dns_type::cname && is_at(record, name)) return &record;
        }
        return nullptr;
    }
    static bool is_at(const DnsRecord& record, const DnsWireName& name) {
        // Podman's aardvark-dns 1.4 gives the records of a reverse name to the root.
        const bool owned =
            record.owner == name || (record.type == dns_type::ptr && record.owner.empty());
        return record.record_class == dns_class_in && owned;
    }
    void use(const DnsRecord& record) {
        answer_.ttl = used_ ? std::min(answer_.ttl, record.seconds()) : record.seconds();
        used_ = true;
    }

    DnsBytes message_;
    const std::vector<DnsRecord>& records_;
    DnsAnswer& answer_;
    bool used_ = false;
};

}  // namespace

DnsRead<void> read_dns_sections(DnsBytes message, DnsReader& reader, const DnsCounts& counts,
                                const DnsQuestion& question, DnsAnswer& answer) {
    const auto answers = read_dns_records(reader, counts.answers);
    if (!answers) return tl::unexpected(answers.error());
    const auto authorities = read_dns_records(reader, counts.authorities);
    if (!authorities) return tl::unexpected(authorities.error());
    const auto additionals = read_dns_records(reader, counts.additionals);
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
        const auto followed = DnsCollector(message, *answers, answer)
                                  .follow(lower(dns_wire_name(question.name)), question.type);
        if (!followed) return tl::unexpected(followed.error());
        found = *followed;
    }
    const bool denied =
        answer.rcode == DnsRcode::name_error || (answer.rcode == DnsRcode::no_error && !found);
    if (!denied) return {};
    for (const auto& record : *authorities) {
        if (record.type != dns_type::soa || record.record_class != dns_class_in) continue;
        const auto seconds = denial_seconds(message, record);
        if (!seconds) return tl::unexpected(seconds.error());
        answer.denial_ttl = std::min(answer.denial_ttl.value_or(*seconds), *seconds);
        answer.denial_zone = text_of_wire_name(record.owner);
    }
    return {};
}

}  // namespace fluxpod
