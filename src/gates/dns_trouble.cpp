// SPDX-License-Identifier: Apache-2.0
#include "dns_trouble.hpp"

#include <chrono>
#include <utility>

namespace fluxpod {

namespace {

constexpr Duration time_to_rewrite = std::chrono::seconds(10);

Attempt not_yet(std::string why) {
    return {.answer = Attempt::Answer::not_yet, .why = std::move(why), .not_before = {}};
}

}  // namespace

Attempt DnsTrouble::explain(const Resolution& resolution, TimePoint now) {
    if (resolution.status != Resolution::Status::no_servers) without_servers_since_.reset();
    switch (resolution.status) {
        case Resolution::Status::answered:
            last_ = Kind::denied;
            if (resolution.is_no_such_name()) {
                return not_yet("no such name (NXDOMAIN) from " + resolution.server);
            }
            return not_yet("the name exists without an address (NODATA) from " + resolution.server);
        case Resolution::Status::no_servers: last_ = Kind::no_servers; return without_servers(now);
        case Resolution::Status::own_fault:
            last_ = Kind::none;
            return {.why = resolution.detail, .own_fault = resolution.own_fault, .not_before = {}};
        case Resolution::Status::refused:
        case Resolution::Status::no_answer:
        case Resolution::Status::unreachable: break;
    }
    last_ = Kind::unanswered;
    return not_yet(resolution.detail);
}

Attempt DnsTrouble::denied_by_caches() {
    last_ = Kind::denied;
    return not_yet("the name exists, but caches still deny its address");
}

// A file that is being rewritten is empty for a moment; one that stays so is a fault that
// nobody mends.
Attempt DnsTrouble::without_servers(TimePoint now) {
    const std::string why = "/etc/resolv.conf names no nameserver, and /etc/hosts not this host";
    if (!without_servers_since_) without_servers_since_ = now;
    if (now - *without_servers_since_ < time_to_rewrite) return not_yet(why);
    return {.answer = Attempt::Answer::never, .why = why, .not_before = {}};
}

std::string DnsTrouble::advice(const Resolver& resolver) const {
    switch (last_) {
        case Kind::none: return {};
        case Kind::denied:
            return "see whether a pod of that name exists, whether a headless Service with the "
                   "name's second label selects it, and whether that Service has "
                   "publishNotReadyAddresses: true (without it a pod has no name until it is "
                   "ready); asked " +
                   resolver.servers();
        case Kind::unanswered:
            return "see whether the cluster's DNS is running and whether a network policy lets "
                   "this pod reach " +
                   resolver.servers();
        case Kind::no_servers:
            return "give the pod a dnsPolicy or dnsConfig that names a nameserver, or the host "
                   "a line in /etc/hosts";
    }
    return {};
}

}  // namespace fluxpod
