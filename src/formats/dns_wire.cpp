// SPDX-License-Identifier: Apache-2.0
#include "dns_wire.hpp"

#include <algorithm>
#include <iterator>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_wire_name = 255;  // RFC 1035 section 3.1
constexpr unsigned max_pointers = 64;       // in one name; no honest record has more

}  // namespace

DnsWireName dns_wire_name(std::string_view text) {
    DnsWireName name;
    for (const auto& label : split(text, '.')) {
        name += static_cast<char>(label.size());
        name += label;
    }
    return name;
}

std::string text_of_wire_name(const DnsWireName& name) {
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

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
    out.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

std::string describe_dns_fault(DnsFault fault) {
    switch (fault) {
        case DnsFault::cut_short: return "cut short";
        case DnsFault::bad_name: return "a malformed name";
        case DnsFault::bad_record: return "a malformed record";
    }
    return {};
}

DnsRead<DnsWireName> DnsReader::name() {
    DnsWireName name;
    std::size_t here = at_;
    std::size_t segment = at_;  // where the labels that are being read began
    std::size_t end = end_;
    unsigned pointers = 0;
    while (true) {
        if (here >= end) return tl::unexpected(DnsFault::cut_short);
        const std::size_t length = message_[here];
        if (length == 0) {
            if (pointers == 0) at_ = here + 1;
            return name;
        }
        if (length <= max_dns_label) {
            if (end - here <= length) return tl::unexpected(DnsFault::cut_short);
            // The final zero counts too.
            if (name.size() + length + 2 > max_wire_name) return tl::unexpected(DnsFault::bad_name);
            std::copy_n(message_.begin() + static_cast<std::ptrdiff_t>(here), length + 1,
                        std::back_inserter(name));
            here += length + 1;
            continue;
        }
        constexpr std::size_t pointer = 0xC0;
        if ((length & pointer) != pointer) return tl::unexpected(DnsFault::bad_name);
        if (end - here < 2) return tl::unexpected(DnsFault::cut_short);
        const std::size_t target = ((length & ~pointer) << 8U) | message_[here + 1];
        if (pointers == 0) at_ = here + 2;
        // Only backwards: so it ends, whatever the bytes say.
        if (target >= segment || ++pointers > max_pointers) {
            return tl::unexpected(DnsFault::bad_name);
        }
        here = segment = target;
        end = message_.size();
    }
}

}  // namespace fluxpod
