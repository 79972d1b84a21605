// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/resolver.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/gates/together.hpp"

namespace fluxpod {

namespace {

using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr Duration tcp_timeout = std::chrono::seconds(2);
constexpr int most_patience = 10;  // a silent server's interval, in retransmission times

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

struct Server {
    asio::ip::address address;
    std::optional<TimePoint> silent_since;  // the first question since its last answer
    bool edns = true;                       // until it is shown to answer only without
};

// What one server made of one question.
struct Reply {
    Resolution::Status status = Resolution::Status::no_answer;
    DnsAnswer answer;
    std::string detail;
};

bool says_exists(const Reply& reply) {
    return reply.status == Resolution::Status::answered && reply.answer.rcode == DnsRcode::no_error;
}

bool denies(const Reply& reply) {
    return reply.status == Resolution::Status::answered &&
           reply.answer.rcode == DnsRcode::name_error;
}

// More is better.
int worth(const Reply& reply) {
    if (says_exists(reply)) {
        return reply.answer.addresses.empty() && reply.answer.names.empty() ? 4 : 5;
    }
    if (denies(reply)) return 3;
    if (reply.status == Resolution::Status::refused) return 2;
    return reply.status == Resolution::Status::no_answer ? 1 : 0;
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

Reply unreachable(const error_code& failure) {
    return {.status = Resolution::Status::unreachable,
            .answer = {},
            .detail = describe_errno(failure.value())};
}

Reply no_answer(std::string detail) {
    return {.status = Resolution::Status::no_answer, .answer = {}, .detail = std::move(detail)};
}

struct Query {
    DnsQuestion question;
    std::uint16_t id;
    std::vector<std::uint8_t> bytes;
};

Query make_query(const DnsQuestion& question, bool edns) {
    const std::uint16_t id = random_id();
    return {.question = question, .id = id, .bytes = encode_dns_query(question, id, edns)};
}

bool may_not_know_edns(DnsRcode rcode) {
    return rcode == DnsRcode::format_error || rcode == DnsRcode::not_implemented;
}

// Returns the first packet that is an answer to the query, or the socket's error. Other packets are
// ignored, and the last one's fault is left in `ignored` for the message.
Task<Reply> receive(udp::socket& socket, const Query& query, std::string& ignored) {
    std::array<std::uint8_t, 4096> buffer{};
    while (true) {
        // One packet a turn, so that a flood of them cannot keep the timers from running.
        co_await socket.async_wait(udp::socket::wait_read, asio::use_awaitable);
        error_code failure;
        const std::size_t size = socket.receive(asio::buffer(buffer), 0, failure);
        if (failure == asio::error::would_block) continue;
        if (failure) co_return unreachable(failure);
        auto answer = decode_dns_response({buffer.data(), size}, query.question, query.id);
        if (answer) co_return judged(std::move(*answer));
        log::debug("DNS: a packet for {} is not an answer to it: {}", query.question.name,
                   answer.error());
        ignored = std::move(answer.error());
    }
}

// RFC 7766: the same query behind its length in two bytes. An error of any kind is no answer.
Task<Reply> exchange_by_tcp(asio::ip::address address, std::uint16_t port, const Query& query) {
    Reply none = no_answer("truncated, and no answer by TCP");
    tcp::socket socket(co_await asio::this_coro::executor);
    auto [refused] = co_await socket.async_connect({address, port}, as_result);
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

class NameserverRace final : public Resolver {
  public:
    NameserverRace(ResolverOptions options, Clock& clock)
        : options_(std::move(options)), clock_(clock) {
        for (const auto& address : options_.nameservers) {
            servers_.push_back({.address = address, .silent_since = {}, .edns = true});
        }
    }

    Task<Resolution> ask(DnsQuestion question, TimePoint give_up) override {
        Resolution resolution;
        if (servers_.empty()) {
            resolution.status = Resolution::Status::no_servers;
            resolution.detail = "no nameserver is configured";
            co_return resolution;
        }
        std::vector<Reply> replies(servers_.size());
        std::vector<Task<void>> questions;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            questions.push_back(ask_server(servers_[i], question, give_up, replies, replies[i]));
        }
        co_await together(std::move(questions), [&replies] {
            return std::any_of(replies.begin(), replies.end(), says_exists);
        });
        co_return best_of(std::move(replies));
    }

    [[nodiscard]] std::string servers() const override {
        std::vector<std::string> names;
        for (const auto& server : servers_) names.push_back(server.address.to_string());
        return join(names, ", ");
    }

  private:
    Task<void> ask_server(Server& server, const DnsQuestion& question, TimePoint give_up,
                          const std::vector<Reply>& all, Reply& reply) {
        reply.detail = "no answer";
        const udp::endpoint endpoint(server.address, options_.port);
        udp::socket socket(co_await asio::this_coro::executor);
        error_code failure;
        socket.open(endpoint.protocol(), failure);
        if (!failure) socket.non_blocking(true, failure);
        // Connected: the kernel drops packets of other senders, reports ICMP errors, and chooses a
        // random source port.
        if (!failure) socket.connect(endpoint, failure);
        if (failure) {
            reply = unreachable(failure);
            co_return;
        }

        bool edns = server.edns;
        Query query = make_query(question, edns);
        while (true) {
            socket.send(asio::buffer(query.bytes), 0, failure);
            // A full send buffer is a lost packet like any other.
            if (failure && failure != asio::error::would_block) {
                reply = unreachable(failure);
                co_return;
            }
            const TimePoint sent = clock_.now();
            if (!server.silent_since) server.silent_since = sent;
            std::string ignored;
            auto first = co_await (receive(socket, query, ignored) ||
                                   clock_.sleep_until(std::min(give_up, sent + patience(server))));
            if (!ignored.empty()) reply.detail = "no answer, but a packet with " + ignored;
            if (auto* received = std::get_if<0>(&first)) {
                reply = std::move(*received);
                const bool understood = !may_not_know_edns(reply.answer.rcode);
                if (understood) server.edns = edns;
                if (understood || !edns) break;
                edns = false;
                query = make_query(question, edns);
                continue;
            }
            if (clock_.now() >= give_up) co_return;
            if (std::any_of(all.begin(), all.end(), denies)) co_return;
        }
        if (reply.status == Resolution::Status::unreachable) co_return;
        server.silent_since.reset();
        if (!reply.answer.truncated) co_return;
        reply = {};  // nobody wins with it meanwhile
        reply = co_await complete_by_tcp(server.address, query, give_up);
    }

    // What a truncated answer does hold is not used (RFC 2181 section 9).
    Task<Reply> complete_by_tcp(asio::ip::address address, const Query& query, TimePoint give_up) {
        const TimePoint until = std::min(give_up, clock_.now() + tcp_timeout);
        auto first =
            co_await (exchange_by_tcp(address, options_.port, query) || clock_.sleep_until(until));
        if (auto* whole = std::get_if<0>(&first)) co_return std::move(*whole);
        co_return no_answer("truncated, and no answer by TCP");
    }

    // A fifth of the silence so far: a lost packet costs 200 ms, a dead server's questions end up
    // two seconds apart.
    [[nodiscard]] Duration patience(const Server& server) const {
        const Duration silence = clock_.now() - *server.silent_since;
        return std::clamp(silence / 5, options_.retransmit, options_.retransmit * most_patience);
    }

    [[nodiscard]] Resolution best_of(std::vector<Reply> replies) const {
        const auto best =
            std::max_element(replies.begin(), replies.end(),
                             [](const Reply& a, const Reply& b) { return worth(a) < worth(b); });
        Resolution resolution;
        resolution.status = best->status;
        if (worth(*best) >= 2) {
            const auto place = static_cast<std::size_t>(best - replies.begin());
            resolution.server = servers_[place].address.to_string();
        }
        if (resolution.status != Resolution::Status::answered) {
            std::vector<std::string> details;
            for (std::size_t i = 0; i < replies.size(); ++i) {
                details.push_back(servers_[i].address.to_string() + ": " + replies[i].detail);
            }
            resolution.detail = join(details, "; ");
        }
        resolution.answer = std::move(best->answer);
        return resolution;
    }

    ResolverOptions options_;
    Clock& clock_;
    std::vector<Server> servers_;
};

}  // namespace

std::unique_ptr<Resolver> make_resolver(ResolverOptions options, Clock& clock) {
    return std::make_unique<NameserverRace>(std::move(options), clock);
}

}  // namespace fluxpod
