// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/address.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

using Failure = tl::unexpected<std::string>;

struct Scheme {
    std::string_view prefix;
    WaitTarget::Kind kind;
};
// Besides letters and digits; DNS itself allows any byte, and a scope ID is whatever an interface
// is called.
constexpr std::string_view signs_in_hosts = "-_.:%";

constexpr std::array<Scheme, 5> schemes{{{"dns:", WaitTarget::Kind::dns},
                                         {"tcp:", WaitTarget::Kind::tcp},
                                         {"curve:", WaitTarget::Kind::curve},
                                         {"file:", WaitTarget::Kind::file},
                                         {"hosts:", WaitTarget::Kind::hosts}}};

OrCause<std::uint16_t> parse_port(std::string_view text) {
    const auto port = parse_number<std::uint16_t>(text);
    if (port && *port != 0) return *port;
    return Failure(fmt::format("'{}' is not a port from 1 to 65535", text));
}

// A name or an address, without brackets and without a final dot.
OrCause<std::string> parse_host(std::string_view text) {
    std::string_view host = text;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.size() > 1 && host.back() == '.') {
        host.remove_suffix(1);
    }
    const bool bracketed = host.size() + 2 == text.size();
    const bool is_name =
        !bracketed && is_dns_name(host) && host.find_first_of(":%") == std::string_view::npos;
    const bool fits = is_alphanumeric(host, signs_in_hosts) && (is_name || parse_address(host));
    if (!fits) return Failure(fmt::format("'{}' is neither a host name nor an address", text));
    return std::string(host);
}

OrCause<WaitTarget> parse_endpoint(WaitTarget target, std::string_view text) {
    const auto colon = text.rfind(':');
    // Without brackets the last group of an IPv6 address would pass for a port.
    const auto first_colon = text.find(':');
    const bool bracketed = !text.empty() && text.front() == '[';
    if (colon == std::string_view::npos || (bracketed && text[colon - 1] != ']')) {
        return Failure("the port is missing");
    }
    if (!bracketed && first_colon != colon) return Failure("an IPv6 address needs brackets");
    auto host = parse_host(text.substr(0, colon));
    if (!host) return Failure(host.error());
    auto port = parse_port(text.substr(colon + 1));
    if (!port) return Failure(port.error());
    target.host = *std::move(host);
    target.port = *port;
    return target;
}

// The text after the last colon is a port if it is a number, else part of the path.
OrCause<WaitTarget> parse_hosts(WaitTarget target, std::string_view text) {
    const auto colon = text.rfind(':');
    const bool has_port = colon != std::string_view::npos && colon + 1 < text.size() &&
                          text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    if (has_port) {
        auto port = parse_port(text.substr(colon + 1));
        if (!port) return Failure(port.error());
        target.port = *port;
        text = text.substr(0, colon);
    }
    if (text.empty()) return Failure("the path is missing");
    target.path = text;
    return target;
}

// "host:n" is Intel MPI's and MPICH's way to say slots. More colons make an IPv6 address.
std::string_view without_slots(std::string_view word) {
    const bool bracketed = word.front() == '[';
    const auto colon = word.rfind(':');
    if (colon == std::string_view::npos) return word;
    if (bracketed) return word[colon - 1] == ']' ? word.substr(0, colon) : word;
    return word.find(':') == colon ? word.substr(0, colon) : word;
}

}  // namespace

OrCause<WaitTarget> parse_wait_target(std::string_view text) {
    const auto* scheme = std::find_if(schemes.begin(), schemes.end(), [text](const Scheme& each) {
        return text.substr(0, each.prefix.size()) == each.prefix;
    });
    if (scheme == schemes.end()) return Failure("is of no known form");
    WaitTarget target;
    target.kind = scheme->kind;
    const auto rest = text.substr(scheme->prefix.size());
    switch (scheme->kind) {
        case WaitTarget::Kind::dns: {
            auto host = parse_host(rest);
            if (!host) return Failure(host.error());
            target.host = *std::move(host);
            return target;
        }
        case WaitTarget::Kind::tcp:
        case WaitTarget::Kind::curve: return parse_endpoint(std::move(target), rest);
        case WaitTarget::Kind::file:
            if (rest.empty()) return Failure("the path is missing");
            target.path = rest;
            return target;
        case WaitTarget::Kind::hosts: return parse_hosts(std::move(target), rest);
    }
    return Failure("is of no known form");
}

OrCause<std::vector<std::string>> parse_host_file(std::string_view text) {
    std::vector<std::string> hosts;
    std::set<std::string> seen;
    std::size_t number = 0;
    for (std::string line : split(text, '\n')) {
        ++number;
        line.resize(std::min(line.size(), line.find('#')));
        const auto words = split_words(trim(line));
        if (words.empty()) continue;
        auto host = parse_host(without_slots(words.front()));
        if (!host) return Failure(fmt::format("line {}: {}", number, host.error()));
        if (seen.insert(lower(*host)).second) hosts.push_back(*std::move(host));
    }
    if (hosts.empty()) return Failure("names no host");
    return hosts;
}

}  // namespace fluxpod
