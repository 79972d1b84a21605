// SPDX-License-Identifier: Apache-2.0
// A DNS server on loopback, UDP and TCP on one port, whose answers a test scripts question by
// question. It builds packets by itself, so that our codec is not its own judge.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fluxpod/base/task.hpp"

namespace fluxpod::test {

using Bytes = std::vector<std::uint8_t>;

struct DnsQuery {
    Bytes bytes;
    std::string name;
    std::uint16_t type = 0;
    bool by_tcp = false;
    unsigned number = 0;  // of this server, from 1

    // Bytes of a response to this query; change them to make a wrong one.
    [[nodiscard]] Bytes respond(std::uint8_t rcode, const std::vector<Bytes>& answers = {},
                                const std::vector<Bytes>& authority = {}) const {
        Bytes reply(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(question_end_));
        reply[2] = 0x84;  // a response, authoritative
        reply[3] = rcode;
        reply[6] = 0;
        reply[7] = static_cast<std::uint8_t>(answers.size());
        reply[8] = 0;
        reply[9] = static_cast<std::uint8_t>(authority.size());
        reply[10] = reply[11] = 0;
        for (const auto& record : answers) reply.insert(reply.end(), record.begin(), record.end());
        for (const auto& record : authority) {
            reply.insert(reply.end(), record.begin(), record.end());
        }
        return reply;
    }
    [[nodiscard]] Bytes denial(std::uint8_t ttl = 30) const {
        // SOA of the root: two empty names, five numbers of which the last is the minimum.
        Bytes soa{0, 0, 6, 0, 1, 0, 0, 0, ttl, 0, 22, 0, 0};
        soa.insert(soa.end(), {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, ttl});
        return respond(3, {}, {soa});
    }
    [[nodiscard]] Bytes address(std::array<std::uint8_t, 4> v4) const {
        return respond(0, {{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, v4[0], v4[1], v4[2], v4[3]}});
    }

    static DnsQuery read(Bytes packet) {
        DnsQuery query;
        query.bytes = std::move(packet);
        std::size_t at = 12;
        while (query.bytes.at(at) != 0) {
            const std::size_t length = query.bytes[at];
            if (!query.name.empty()) query.name += '.';
            for (std::size_t i = 1; i <= length; ++i) {
                query.name += static_cast<char>(query.bytes.at(at + i));
            }
            at += length + 1;
        }
        query.type = static_cast<std::uint16_t>(query.bytes.at(at + 1) << 8U) |
                     static_cast<std::uint16_t>(query.bytes.at(at + 2));
        query.question_end_ = at + 5;
        return query;
    }

  private:
    std::size_t question_end_ = 0;
};

class DnsServer {
  public:
    // The packets to send back, none to stay silent.
    using Script = std::function<std::vector<Bytes>(const DnsQuery&)>;

    // 127.0.0.1, 127.0.0.2, ... are all this host's. Port 0: one that is free.
    DnsServer(asio::io_context& context, const std::string& address, std::uint16_t port,
              Script script)
        : script_(std::move(script)),
          acceptor_(context, {asio::ip::make_address(address), port}),
          socket_(context, {asio::ip::make_address(address), this->port()}) {
        asio::co_spawn(context, serve_udp(), asio::detached);
        asio::co_spawn(context, serve_tcp(), asio::detached);
    }
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;
    ~DnsServer() = default;

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] unsigned questions() const { return questions_; }
    // So that the io_context runs out of work; run the context once more before the end.
    void stop() {
        acceptor_.close();
        socket_.close();
    }

  private:
    std::vector<Bytes> answer(Bytes packet, bool by_tcp) {
        auto query = DnsQuery::read(std::move(packet));
        query.by_tcp = by_tcp;
        query.number = ++questions_;
        return script_(query);
    }

    Task<void> serve_udp() {
        while (true) {
            Bytes packet(4096);
            asio::ip::udp::endpoint sender;
            auto [failure, size] =
                co_await socket_.async_receive_from(asio::buffer(packet), sender, as_result);
            if (failure) co_return;
            packet.resize(size);
            for (const auto& reply : answer(std::move(packet), false)) {
                boost::system::error_code ignored;
                socket_.send_to(asio::buffer(reply), sender, 0, ignored);
            }
        }
    }

    Task<void> serve_tcp() {
        while (true) {
            auto [failure, peer] = co_await acceptor_.async_accept(as_result);
            if (failure) co_return;
            std::array<std::uint8_t, 2> length{};
            co_await asio::async_read(peer, asio::buffer(length), as_result);
            Bytes packet(static_cast<std::size_t>(length[0] << 8) | length[1]);
            co_await asio::async_read(peer, asio::buffer(packet), as_result);
            for (const auto& reply : answer(std::move(packet), true)) {
                Bytes framed{static_cast<std::uint8_t>(reply.size() >> 8U),
                             static_cast<std::uint8_t>(reply.size() & 0xffU)};
                framed.insert(framed.end(), reply.begin(), reply.end());
                co_await asio::async_write(peer, asio::buffer(framed), as_result);
            }
        }
    }

    Script script_;
    unsigned questions_ = 0;
    asio::ip::tcp::acceptor acceptor_;
    asio::ip::udp::socket socket_;
};

}  // namespace fluxpod::test
