// SPDX-License-Identifier: Apache-2.0
#include "dns_exchange.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/own_fault.hpp"

namespace fluxpod {

using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

namespace {

std::string rcode_name(DnsRcode rcode) {
    switch (rcode) {
        case DnsRcode::no_error: return "NOERROR";
        case DnsRcode::format_error: return "FORMERR";
        case DnsRcode::server_failure: return "SERVFAIL";
        case DnsRcode::name_error: return "NXDOMAIN";
        case DnsRcode::not_implemented: return "NOTIMP";
        case DnsRcode::refused: return "REFUSED";
    }
    return fmt::format("error {}", static_cast<unsigned>(rcode));
}

std::uint16_t random_id() {
    // Idempotent; it fails only without a source of randomness, and then randombytes aborts.
    if (::sodium_init() < 0) log::debug("libsodium is not initialised");
    return static_cast<std::uint16_t>(::randombytes_uniform(1U << 16U));
}

Reply judged(DnsAnswer answer) {
    const bool answered =
        answer.rcode == DnsRcode::no_error || answer.rcode == DnsRcode::name_error;
    Reply reply{.status = answered ? Resolution::Status::answered : Resolution::Status::refused,
                .answer = std::move(answer),
                .detail = {}};
    if (!answered) reply.detail = "answers " + rcode_name(reply.answer.rcode);
    return reply;
}

}  // namespace

Query make_query(const DnsQuestion& question, bool edns) {
    const std::uint16_t id = random_id();
    return {.question = question, .id = id, .bytes = encode_dns_query(question, id, edns)};
}

Reply failed(const boost::system::error_code& failure) {
    const bool ours = is_own_fault(failure.value());
    return {.status = ours ? Resolution::Status::own_fault : Resolution::Status::unreachable,
            .answer = {},
            .detail = describe_errno(failure.value()),
            .own_fault = ours ? failure.value() : 0};
}

Reply no_answer(std::string detail) {
    return {.status = Resolution::Status::no_answer, .answer = {}, .detail = std::move(detail)};
}

Task<Reply> receive(udp::socket& socket, const Query& query, std::string& ignored) {
    std::array<std::uint8_t, 4096> buffer{};
    while (true) {
        // One packet a turn, so that a flood of them cannot keep the timers from running.
        co_await socket.async_wait(udp::socket::wait_read, asio::use_awaitable);
        error_code failure;
        const std::size_t size = socket.receive(asio::buffer(buffer), 0, failure);
        if (failure == asio::error::would_block) continue;
        if (failure) co_return failed(failure);
        auto answer = decode_dns_response({buffer.data(), size}, query.question, query.id);
        if (answer) co_return judged(std::move(*answer));
        log::debug("DNS: a packet for {} is not an answer to it: {}", query.question.name,
                   answer.error());
        ignored = std::move(answer.error());
    }
}

Task<Reply> exchange_by_tcp(asio::ip::address address, std::uint16_t port, const Query& query) {
    Reply none = no_answer("truncated, and no answer by TCP");
    tcp::socket socket(co_await asio::this_coro::executor);
    auto [refused] = co_await socket.async_connect({address, port}, as_result);
    if (refused && is_own_fault(refused.value())) co_return failed(refused);
    if (refused) co_return none;

    const auto size = query.bytes.size();
    const std::array<std::uint8_t, 2> length{static_cast<std::uint8_t>(size >> 8U),
                                             static_cast<std::uint8_t>(size & 0xffU)};
    const std::array<asio::const_buffer, 2> message{asio::buffer(length),
                                                    asio::buffer(query.bytes)};
    auto [unsent, sent] = co_await asio::async_write(socket, message, as_result);
    if (unsent) co_return none;

    std::array<std::uint8_t, 2> prefix{};
    auto [unread, read] = co_await asio::async_read(socket, asio::buffer(prefix), as_result);
    if (unread) co_return none;
    std::vector<std::uint8_t> bytes((static_cast<std::size_t>(prefix[0]) << 8U) | prefix[1]);
    auto [cut, got] = co_await asio::async_read(socket, asio::buffer(bytes), as_result);
    if (cut) co_return none;

    auto answer = decode_dns_response(bytes, query.question, query.id);
    if (answer) co_return judged(std::move(*answer));
    co_return no_answer("truncated, and by TCP the answer is wrong: " + answer.error());
}

}  // namespace fluxpod
