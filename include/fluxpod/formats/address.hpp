// SPDX-License-Identifier: Apache-2.0
// An IP address as text, from hostile input.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace fluxpod {

// "10.244.1.4", "fd00::1", "fe80::1%eth0"; none of the shortened IPv4 forms of inet_aton(3).
[[nodiscard]] inline std::optional<boost::asio::ip::address> parse_address(std::string_view text) {
    constexpr std::size_t most = 64;  // an IPv6 address, "%" and an interface's name
    // Asio takes a C string, which would end at a NUL in the middle.
    if (text.size() > most || text.find('\0') != std::string_view::npos) return std::nullopt;
    boost::system::error_code error;
    auto address = boost::asio::ip::make_address(std::string(text), error);
    return error ? std::nullopt : std::optional(address);
}

}  // namespace fluxpod
