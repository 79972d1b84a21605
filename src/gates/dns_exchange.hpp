// SPDX-License-Identifier: Apache-2.0
// One DNS question to one server: what is sent, and what came back, by UDP or TCP.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "fluxpod/gates/resolver.hpp"

namespace fluxpod {

// What one server made of one question.
struct Reply {
    Resolution::Status status = Resolution::Status::no_answer;
    DnsAnswer answer;
    std::string detail;
    int own_fault = 0;
};

struct Query {
    DnsQuestion question;
    std::uint16_t id;
    std::vector<std::uint8_t> bytes;
};

// With a new random id.
[[nodiscard]] Query make_query(const DnsQuestion& question, bool edns);

// What a socket's error says: of this pod, or of the way to the server.
[[nodiscard]] Reply failed(const boost::system::error_code& failure);
[[nodiscard]] Reply no_answer(std::string detail);

// Returns the first packet that is an answer to the query, or the socket's error. Other packets are
// ignored, and the last one's fault is left in `ignored` for the message.
[[nodiscard]] Task<Reply> receive(asio::ip::udp::socket& socket, const Query& query,
                                  std::string& ignored);
// RFC 7766: the same query after its length in two bytes. The caller bounds the time.
[[nodiscard]] Task<Reply> exchange_by_tcp(asio::ip::address address, std::uint16_t port,
                                          const Query& query);

}  // namespace fluxpod
