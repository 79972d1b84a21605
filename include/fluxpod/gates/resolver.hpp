// SPDX-License-Identifier: Apache-2.0
// DNS questions to the nameservers of resolv.conf, without getaddrinfo (it blocks, retries after 5
// s and appends search suffixes): absolute names only; each question goes to every nameserver at
// once, a lost packet is asked again after 200 ms, a truncated answer is fetched by TCP (RFC 7766),
// answers are matched by id, question, and the server's address on a connected socket with a random
// source port.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/dns_message.hpp"

namespace fluxpod {

struct Resolution {
    enum class Status {
        answered,     // a DnsAnswer with rcode no_error or name_error
        refused,      // every server that answered gave another rcode (the last one in `answer`)
        no_answer,    // nothing valid came in time
        unreachable,  // no packet could be sent to any server
        no_servers,   // resolv.conf names none
    };
    Status status = Status::no_answer;
    DnsAnswer answer;
    std::string server;  // the one that answered, "10.96.0.10"
    std::string detail;  // in words: "10.96.0.10: connection refused"
};

class Resolver {
  public:
    Resolver() = default;
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    virtual ~Resolver() = default;
    [[nodiscard]] virtual Task<Resolution> ask(DnsQuestion question, TimePoint give_up) = 0;
    [[nodiscard]] virtual std::string servers()
        const = 0;  // for messages: "10.96.0.10, 10.96.0.11"
};

struct ResolverOptions {
    std::vector<asio::ip::address> nameservers;
    std::uint16_t port = 53;
    Duration retransmit = std::chrono::milliseconds(200);
};

[[nodiscard]] std::unique_ptr<Resolver> make_resolver(ResolverOptions options, Clock& clock);

}  // namespace fluxpod
