// SPDX-License-Identifier: Apache-2.0
#include "dns_record.hpp"

#include <algorithm>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/dns_message.hpp"

namespace fluxpod {

namespace {

DnsRead<DnsRecord> read_dns_record(DnsReader& reader) {
    DnsRecord record;
    const auto owner = reader.name();
    if (!owner) return tl::unexpected(owner.error());
    record.owner = lower(*owner);
    const auto type = reader.u16();
    const auto record_class = reader.u16();
    const auto ttl = reader.u32();
    const auto size = reader.u16();
    if (!type || !record_class || !ttl || !size) return tl::unexpected(DnsFault::cut_short);
    record.type = *type;
    record.record_class = *record_class;
    record.ttl = *ttl;
    record.data = reader.at();
    if (auto skipped = reader.skip(*size); !skipped) return tl::unexpected(skipped.error());
    record.data_end = reader.at();
    return record;
}

template <class Address>
DnsRead<boost::asio::ip::address> address_of_bytes(DnsBytes data) {
    typename Address::bytes_type bytes{};
    if (data.size() != bytes.size()) return tl::unexpected(DnsFault::bad_record);
    std::copy(data.begin(), data.end(), bytes.begin());
    return boost::asio::ip::address(Address(bytes));
}

}  // namespace

DnsRead<std::vector<DnsRecord>> read_dns_records(DnsReader& reader, std::uint16_t count) {
    std::vector<DnsRecord> records;  // grows with what is there, not with what the count claims
    for (std::uint16_t i = 0; i < count; ++i) {
        auto record = read_dns_record(reader);
        if (!record) return tl::unexpected(record.error());
        records.push_back(std::move(*record));
    }
    return records;
}

DnsRead<DnsWireName> name_in(DnsBytes message, const DnsRecord& record) {
    DnsReader reader(message, record.data, record.data_end);
    auto name = reader.name();
    if (name && !reader.done()) return tl::unexpected(DnsFault::bad_record);
    return name;
}

DnsRead<boost::asio::ip::address> address_in(DnsBytes message, const DnsRecord& record) {
    const auto data = message.subspan(record.data, record.data_end - record.data);
    return record.type == dns_type::a ? address_of_bytes<boost::asio::ip::address_v4>(data)
                                      : address_of_bytes<boost::asio::ip::address_v6>(data);
}

DnsRead<std::uint32_t> denial_seconds(DnsBytes message, const DnsRecord& soa) {
    DnsReader reader(message, soa.data, soa.data_end);
    for (int i = 0; i < 2; ++i) {  // the primary's name and the administrator's
        if (auto name = reader.name(); !name) return tl::unexpected(name.error());
    }
    constexpr std::size_t before_minimum = 16;  // serial, refresh, retry, expire
    if (auto skipped = reader.skip(before_minimum); !skipped) {
        return tl::unexpected(skipped.error());
    }
    const auto minimum = reader.u32();
    if (!minimum) return tl::unexpected(minimum.error());
    if (!reader.done()) return tl::unexpected(DnsFault::bad_record);
    return std::min(soa.seconds(), *minimum);
}

}  // namespace fluxpod
