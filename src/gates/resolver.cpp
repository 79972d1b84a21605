// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/resolver.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <utility>

#include "dns_exchange.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/base/together.hpp"
#include "fluxpod/identity/pod_facts.hpp"

namespace fluxpod {

namespace {

using asio::ip::udp;
using boost::system::error_code;

constexpr Duration tcp_timeout = std::chrono::seconds(2);
constexpr int max_patience = 10;  // a silent server's interval, in retransmission times

struct Server {
    asio::ip::address address;
    std::optional<TimePoint> silent_since;  // the first question since its last answer
    bool edns = true;                       // until it is shown to answer only without
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
    if (reply.status == Resolution::Status::no_answer) return 1;
    return reply.status == Resolution::Status::unreachable ? 0 : -1;
}

bool may_not_know_edns(DnsRcode rcode) {
    return rcode == DnsRcode::format_error || rcode == DnsRcode::not_implemented;
}

class NameserverRace final : public Resolver {
  public:
    NameserverRace(ResolverOptions options, Clock& clock)
        : options_(std::move(options)), clock_(clock) {
        adopt(options_.nameservers);
    }

    Task<Resolution> ask(DnsQuestion question, TimePoint give_up) override {
        if (!options_.resolv_conf.path().empty()) adopt(options_.resolv_conf.now());
        Resolution resolution;
        if (servers_.empty()) {
            resolution.status = Resolution::Status::no_servers;
            resolution.detail = "no nameserver is configured";
            co_return resolution;
        }
        // Its own list: another question may find that the file has changed.
        const auto servers = servers_;
        std::vector<Reply> replies(servers.size());
        std::vector<Task<void>> questions;
        for (std::size_t i = 0; i < servers.size(); ++i) {
            questions.push_back(ask_server(*servers[i], question, give_up, replies, replies[i]));
        }
        co_await together(std::move(questions), [&replies] {
            return std::any_of(replies.begin(), replies.end(), says_exists);
        });
        co_return best_of(std::move(replies), servers);
    }

    [[nodiscard]] std::string servers() const override {
        std::vector<std::string> names;
        for (const auto& server : servers_) names.push_back(server->address.to_string());
        return join(names, ", ");
    }

  private:
    using Servers = std::vector<std::shared_ptr<Server>>;

    // Those that stay keep what is known of them.
    void adopt(const std::vector<asio::ip::address>& addresses) {
        Servers servers;
        for (const auto& address : addresses) {
            const auto known = std::ranges::find_if(
                servers_, [&](const auto& server) { return server->address == address; });
            servers.push_back(known != servers_.end()
                                  ? *known
                                  : std::make_shared<Server>(Server{
                                        .address = address, .silent_since = {}, .edns = true}));
        }
        servers_ = std::move(servers);
    }

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
            reply = failed(failure);
            co_return;
        }

        bool edns = server.edns;
        Query query = make_query(question, edns);
        while (true) {
            socket.send(asio::buffer(query.bytes), 0, failure);
            // A full send buffer is a lost packet like any other.
            if (failure && failure != asio::error::would_block) {
                reply = failed(failure);
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
        if (worth(reply) < 1) co_return;
        server.silent_since.reset();
        if (!reply.answer.truncated) co_return;
        reply = {};  // nobody wins with it meanwhile
        reply = co_await complete_by_tcp(server.address, query, give_up);
    }

    // The records of a truncated answer are not used (RFC 2181 section 9).
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
        return std::clamp(silence / 5, options_.retransmit, options_.retransmit * max_patience);
    }

    [[nodiscard]] static Resolution best_of(std::vector<Reply> replies, const Servers& servers) {
        const auto best =
            std::max_element(replies.begin(), replies.end(),
                             [](const Reply& a, const Reply& b) { return worth(a) < worth(b); });
        Resolution resolution;
        resolution.status = best->status;
        if (worth(*best) >= 2) {
            const auto place = static_cast<std::size_t>(best - replies.begin());
            resolution.server = servers[place]->address.to_string();
        }
        if (resolution.status != Resolution::Status::answered) {
            std::vector<std::string> details;
            for (std::size_t i = 0; i < replies.size(); ++i) {
                details.push_back(servers[i]->address.to_string() + ": " + replies[i].detail);
            }
            resolution.detail = join(details, "; ");
        }
        resolution.own_fault = best->own_fault;
        resolution.answer = std::move(best->answer);
        return resolution;
    }

    ResolverOptions options_;
    Clock& clock_;
    Servers servers_;
};

}  // namespace

std::unique_ptr<Resolver> make_resolver(ResolverOptions options, Clock& clock) {
    return std::make_unique<NameserverRace>(std::move(options), clock);
}

std::unique_ptr<Resolver> follow_resolv_conf(Clock& clock) {
    return make_resolver(
        {.nameservers = {}, .resolv_conf = LiveNameservers(SystemPaths{}.resolv_conf)}, clock);
}

}  // namespace fluxpod
