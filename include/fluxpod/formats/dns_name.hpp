// SPDX-License-Identifier: Apache-2.0
// Names that DNS can be asked for, as text.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>

namespace fluxpod {

// A name that can be asked: labels of 1 to 63 bytes without dots or control characters, 253 in all.
// Underscores are allowed here (RFC 2181): it is Flux that refuses them in host names.
[[nodiscard]] bool is_dns_name(std::string_view name);

// "4.1.244.10.in-addr.arpa" or the ip6.arpa name: what a reverse lookup asks.
[[nodiscard]] std::string reverse_dns_name(const boost::asio::ip::address& address);

}  // namespace fluxpod
