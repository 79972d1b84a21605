// SPDX-License-Identifier: Apache-2.0
#include "host_token.hpp"

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "host_digits.hpp"

namespace fluxpod {

tl::unexpected<std::string> refuse_hosts(std::string_view what, std::string_view token) {
    return tl::unexpected(std::string(what) + " in " + excerpt(token));
}

OrCause<HostToken> parse_host_token(std::string_view text) {
    if (text.empty()) return tl::unexpected(std::string("an empty name between commas"));
    if (text.size() > Hostlist::max_in_token) {
        return refuse_hosts("more than " + std::to_string(Hostlist::max_in_token) + " characters",
                            text);
    }
    const auto open = text.find('[');
    const auto close = text.find(']');
    if (open == std::string_view::npos && close == std::string_view::npos) {
        return HostToken{text, {}, {}, false};
    }
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return refuse_hosts("unbalanced brackets", text);
    }
    const HostToken token{text.substr(0, open), text.substr(open + 1, close - open - 1),
                          text.substr(close + 1), true};
    if (token.spans.find('[') != std::string_view::npos)
        return refuse_hosts("nested brackets", text);
    if (token.suffix.find_first_of("[]") != std::string_view::npos) {
        return refuse_hosts("more than one pair of brackets", text);
    }
    return token;
}

OrCause<HostSpan> parse_host_span(std::string_view text, std::string_view token) {
    if (text.empty()) return refuse_hosts("an empty range", token);
    const auto dash = text.find('-');
    const std::string_view low = text.substr(0, dash);
    const std::string_view high = dash == std::string_view::npos ? low : text.substr(dash + 1);
    const auto first = parse_digits(low);
    const auto last = parse_digits(high);
    const std::string range = "range " + excerpt(text);
    if (!first || !last) return refuse_hosts(range + " is not made of numbers", token);
    if (*last < *first) return refuse_hosts(range + " runs backwards", token);
    if (*last - *first >= Hostlist::max_in_range) {
        return refuse_hosts(
            range + " has more than " + std::to_string(Hostlist::max_in_range) + " numbers", token);
    }
    return HostSpan{*first, *last, static_cast<unsigned>(low.size())};
}

std::string_view next_host_token(std::string_view& text) {
    bool inside = false;
    std::size_t at = 0;
    for (; at < text.size() && (inside || text[at] != ','); ++at) {
        if (text[at] == '[') inside = true;
        if (text[at] == ']') inside = false;
    }
    const std::string_view token = text.substr(0, at);
    text.remove_prefix(at);
    return token;
}

}  // namespace fluxpod
