// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/dns_name.hpp"

#include <algorithm>
#include <cstddef>

#include "dns_wire.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

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
        return !label.empty() && label.size() <= max_dns_label;
    });
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
