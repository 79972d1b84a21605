// SPDX-License-Identifier: Apache-2.0
// DNS questions to the nameservers of resolv.conf, without getaddrinfo (it blocks, retries after 5
// s and appends search suffixes): absolute names only; each question goes to every nameserver at
// once, a lost packet is asked again after 200 ms, a truncated answer is fetched by TCP (RFC 7766),
// answers are matched by id, question, and the server's address on a connected socket with a random
// source port (RFC 5452).
//
// A server that answers FORMERR or NOTIMP is asked again without EDNS (RFC 6891 section 7), and
// from then on if that helped.
//
// An answer that the name exists ends the race. A denial does so only after the other servers had
// one retransmission's time to know better: a public nameserver beside the cluster's denies every
// name of the cluster. A server that has been silent for long is asked less and less often, down to
// once in ten retransmission times, over all questions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/task.hpp"
#include "fluxpod/formats/dns_message.hpp"
#include "fluxpod/identity/live_files.hpp"

namespace fluxpod {

struct Resolution {
    enum class Status {
        answered,     // a DnsAnswer with rcode no_error or name_error
        refused,      // every server that answered gave another rcode (the last one in `answer`)
        no_answer,    // nothing valid came in time
        unreachable,  // no packet reached any server
        own_fault,    // this pod could not ask: no socket to be had (base/own_fault.hpp)
        no_servers,   // resolv.conf names none
    };
    Status status = Status::no_answer;
    DnsAnswer answer;
    std::string server;  // the one that answered, "10.96.0.10"
    std::string detail;  // why there is no answer: "10.96.0.10: Connection refused"
    int own_fault = 0;   // the errno of status own_fault

    [[nodiscard]] bool is_answer() const { return status == Status::answered; }
    // The name does not exist, or has no record of the type.
    [[nodiscard]] bool is_denial() const { return is_answer() && answer.addresses.empty(); }
    [[nodiscard]] bool is_no_such_name() const {
        return is_answer() && answer.rcode == DnsRcode::name_error;
    }
};

class Resolver {
  public:
    Resolver() = default;
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    virtual ~Resolver() = default;
    // The question's name satisfies is_dns_name.
    [[nodiscard]] virtual Task<Resolution> ask(DnsQuestion question, TimePoint give_up) = 0;
    [[nodiscard]] virtual std::string servers()
        const = 0;  // for messages: "10.96.0.10, 10.96.0.11"
};

struct ResolverOptions {
    std::vector<asio::ip::address> nameservers;
    LiveNameservers resolv_conf;  // if it has a file, asked anew for each question
    std::uint16_t port = 53;
    Duration retransmit = std::chrono::milliseconds(200);
};

[[nodiscard]] std::unique_ptr<Resolver> make_resolver(ResolverOptions options, Clock& clock);
// Asks the nameservers that /etc/resolv.conf names at the time of each question.
[[nodiscard]] std::unique_ptr<Resolver> follow_resolv_conf(Clock& clock);

}  // namespace fluxpod
