// SPDX-License-Identifier: Apache-2.0
// The numbers and names that a DNS message is made of: RFC 1035 sections 3.1 and 4.1.4. Every byte
// that is read is hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace fluxpod {

using DnsBytes = std::span<const std::uint8_t>;

inline constexpr std::size_t max_dns_label = 63;

// A name as labels with their length bytes, without the final zero. Two names are the same if
// these are, in lower case: no length byte (0 to 63) is a letter.
using DnsWireName = std::string;

// The name must satisfy is_dns_name.
[[nodiscard]] DnsWireName dns_wire_name(std::string_view text);
// Returns the name as text; empty if a label has a dot inside, which would read as two labels.
[[nodiscard]] std::string text_of_wire_name(const DnsWireName& name);

void put16(std::vector<std::uint8_t>& out, std::uint16_t value);

// Why a message is of no use. A value, so that the readers below stay one line per step.
enum class DnsFault { cut_short, bad_name, bad_record };
[[nodiscard]] std::string describe_dns_fault(DnsFault fault);

template <class T>
using DnsRead = tl::expected<T, DnsFault>;

// A place in the message. Every read checks what is left.
class DnsReader {
  public:
    DnsReader(DnsBytes message, std::size_t at, std::size_t end)
        : message_(message), at_(at), end_(end) {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] bool done() const { return at_ == end_; }
    DnsRead<std::uint16_t> u16() {
        if (end_ - at_ < 2) return tl::unexpected(DnsFault::cut_short);
        const auto value = static_cast<std::uint16_t>((message_[at_] << 8U) | message_[at_ + 1]);
        at_ += 2;
        return value;
    }
    DnsRead<std::uint32_t> u32() {
        const auto high = u16();
        const auto low = u16();
        if (!high || !low) return tl::unexpected(DnsFault::cut_short);
        return (std::uint32_t{*high} << 16U) | *low;
    }
    DnsRead<void> skip(std::size_t count) {
        if (end_ - at_ < count) return tl::unexpected(DnsFault::cut_short);
        at_ += count;
        return {};
    }
    // Follows compression pointers; the place afterwards is the end of the name as it is written.
    DnsRead<DnsWireName> name();

  private:
    DnsBytes message_;
    std::size_t at_, end_;
};

}  // namespace fluxpod
