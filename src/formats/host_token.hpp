// SPDX-License-Identifier: Apache-2.0
// The text of a host list as its author wrote it: tokens between commas, each a name or one bracket
// of ranges with a prefix and a suffix (RFC 29). Errors are causes in words, with the token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

[[nodiscard]] tl::unexpected<std::string> refuse_hosts(std::string_view what,
                                                       std::string_view token);

struct HostToken {
    std::string_view prefix, spans, suffix;  // spans: the text between the brackets
    bool bracket = false;
};
// Refuses unbalanced, nested and repeated brackets, and a token longer than Flux takes.
[[nodiscard]] OrCause<HostToken> parse_host_token(std::string_view text);

// "08-12" is 8 to 12 with width 2.
struct HostSpan {
    std::uint64_t first = 0, last = 0;
    unsigned width = 0;
};
[[nodiscard]] OrCause<HostSpan> parse_host_span(std::string_view text, std::string_view token);

// Cuts the text up to the next comma outside brackets off its front.
[[nodiscard]] std::string_view next_host_token(std::string_view& text);

}  // namespace fluxpod
