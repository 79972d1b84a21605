// SPDX-License-Identifier: Apache-2.0
// What a command line asks to wait for, as text: dns:NAME, tcp:HOST:PORT, curve:HOST:PORT (IPv6 in
// brackets), file:PATH, hosts:FILE[:PORT].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

struct WaitTarget {
    enum class Kind { dns, tcp, curve, file, hosts };
    Kind kind = Kind::dns;
    std::string host;        // dns, tcp, curve: a name without final dot, or an address
    std::uint16_t port = 0;  // tcp, curve; of hosts: 0 if none is given
    std::string path;        // file, hosts
};

inline constexpr std::string_view wait_target_forms =
    "dns:NAME, tcp:HOST:PORT, curve:HOST:PORT, file:PATH or hosts:FILE[:PORT], with an IPv6 "
    "address in brackets";

// The error is the cause in words: "'0' is not a port from 1 to 65535".
[[nodiscard]] OrCause<WaitTarget> parse_wait_target(std::string_view text);

// The hosts of an MPI host file, in order, each once: "host", "host slots=n", "host:n", "#" begins
// a comment. The error is the cause in words with the line's number.
[[nodiscard]] OrCause<std::vector<std::string>> parse_host_file(std::string_view text);

}  // namespace fluxpod
