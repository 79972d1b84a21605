// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/parent_link.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

using boost::asio::ip::tcp;

// A node's own network namespace may hold tens of thousands of sockets, of 150 bytes each.
constexpr std::size_t largest_table = std::size_t{16} << 20U;

constexpr std::string_view established = "01";
// One retransmission is a lost packet; the second comes 0.6 s after the first at the earliest.
constexpr unsigned stalled_after = 2;

// Addresses are printed as 32-bit words of network order, each in the machine's own order.
template <std::size_t size>
std::string as_words(const std::array<unsigned char, size>& bytes) {
    std::string text;
    for (std::size_t i = 0; i < size; i += sizeof(std::uint32_t)) {
        std::uint32_t word = 0;
        std::memcpy(&word, bytes.data() + i, sizeof word);
        text += fmt::format("{:08X}", word);
    }
    return text;
}

std::string as_in_table(const boost::asio::ip::address_v4& address, std::uint16_t port) {
    return fmt::format("{}:{:04X}", as_words(address.to_bytes()), port);
}

std::string as_in_table(const boost::asio::ip::address_v6& address, std::uint16_t port) {
    return fmt::format("{}:{:04X}", as_words(address.to_bytes()), port);
}

// Fields: number, local address, remote address, state, queues, timer, retransmissions.
Link find_in(std::string_view table, const std::string& remote) {
    Link found;
    while (!table.empty()) {
        const auto end = std::min(table.find('\n'), table.size());
        const std::string_view line = table.substr(0, end);
        table.remove_prefix(std::min(end + 1, table.size()));
        if (line.find(remote) == std::string_view::npos) continue;
        const auto fields = split_words(line);
        if (fields.size() < 7 || fields[2] != remote || fields[3] != established) continue;
        unsigned retransmissions = 0;
        const std::string& hex = fields[6];
        std::from_chars(hex.data(), hex.data() + hex.size(), retransmissions, 16);
        if (retransmissions < stalled_after) return {LinkState::connected, fields[1]};
        found.state = LinkState::stalled;
    }
    return found;
}

}  // namespace

Link find_link(std::string_view tcp, std::string_view tcp6, const tcp::endpoint& parent) {
    const auto address = parent.address();
    if (address.is_v6()) return find_in(tcp6, as_in_table(address.to_v6(), parent.port()));
    Link found = find_in(tcp, as_in_table(address.to_v4(), parent.port()));
    if (found.state != LinkState::absent) return found;
    const auto mapped =
        boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4());
    return find_in(tcp6, as_in_table(mapped, parent.port()));
}

Link look_at_link(const tcp::endpoint& parent) {
    const auto tcp = read_file("/proc/self/net/tcp", largest_table);
    if (!tcp) return {LinkState::unknown, ""};
    // Missing on nodes without IPv6.
    const auto tcp6 = read_file("/proc/self/net/tcp6", largest_table);
    return find_link(*tcp, tcp6 ? *tcp6 : "", parent);
}

}  // namespace fluxpod
