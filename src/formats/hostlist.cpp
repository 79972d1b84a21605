// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hostlist.hpp"

#include <algorithm>
#include <compare>
#include <utility>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

constexpr unsigned max_digits = 18;  // far from the end of 64 bits, so that sums cannot overflow
constexpr std::string_view decimal = "0123456789";

unsigned digits_of(std::uint64_t number) {
    unsigned digits = 1;
    while (number >= 10) number /= 10, ++digits;
    return digits;
}

std::uint64_t power_of_ten(std::size_t exponent) {
    std::uint64_t power = 1;
    while (exponent-- > 0) power *= 10;
    return power;
}

std::string padded(std::uint64_t number, unsigned width) {
    std::string digits = std::to_string(number);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return digits;
}

// Only digits, and a value of at most max_digits.
std::optional<std::uint64_t> parse_digits(std::string_view text) {
    if (text.empty() || text.find_first_not_of(decimal) != std::string_view::npos) return {};
    const auto number = parse_number<std::uint64_t>(text);
    return number && digits_of(*number) <= max_digits ? number : std::nullopt;
}

std::string_view trailing_digits(std::string_view text) {
    const auto last = text.find_last_not_of(decimal);
    return last == std::string_view::npos ? text : text.substr(last + 1);
}

tl::unexpected<std::string> refused(std::string_view what, std::string_view token) {
    return tl::unexpected(std::string(what) + " in " + excerpt(token));
}

struct Span {
    std::uint64_t first = 0, last = 0;
    unsigned width = 0;
};

OrCause<Span> parse_span(std::string_view text, std::string_view token) {
    if (text.empty()) return refused("an empty range", token);
    const auto dash = text.find('-');
    const std::string_view low = text.substr(0, dash);
    const std::string_view high = dash == std::string_view::npos ? low : text.substr(dash + 1);
    const auto first = parse_digits(low);
    const auto last = parse_digits(high);
    const std::string range = "range " + excerpt(text);
    if (!first || !last) return refused(range + " is not made of numbers", token);
    if (*last < *first) return refused(range + " runs backwards", token);
    if (*last - *first >= Hostlist::max_in_range) {
        return refused(
            range + " has more than " + std::to_string(Hostlist::max_in_range) + " numbers", token);
    }
    return Span{*first, *last, static_cast<unsigned>(low.size())};
}

struct Token {
    std::string_view prefix, spans, suffix;  // spans: the text between the brackets
    bool bracket = false;
};

OrCause<Token> parse_token(std::string_view text) {
    if (text.empty()) return tl::unexpected(std::string("an empty name between commas"));
    if (text.size() > Hostlist::max_in_token) {
        return refused("more than " + std::to_string(Hostlist::max_in_token) + " characters", text);
    }
    const auto open = text.find('[');
    const auto close = text.find(']');
    if (open == std::string_view::npos && close == std::string_view::npos) {
        return Token{text, {}, {}, false};
    }
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return refused("unbalanced brackets", text);
    }
    const Token token{text.substr(0, open), text.substr(open + 1, close - open - 1),
                      text.substr(close + 1), true};
    if (token.spans.find('[') != std::string_view::npos) return refused("nested brackets", text);
    if (token.suffix.find_first_of("[]") != std::string_view::npos) {
        return refused("more than one pair of brackets", text);
    }
    return token;
}

// Cuts the text up to the next comma outside brackets off its front.
std::string_view next_token(std::string_view& text) {
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

tl::unexpected<std::string> name_too_long(std::string_view token) {
    return refused("a name of more than " + std::to_string(Hostlist::max_in_name) + " characters",
                   token);
}

// Names of one length that count through the last digits that stand in them: prefix, `digits`
// digits from first to last, suffix. A name belongs to exactly one such block.
struct Block {
    std::string prefix, suffix;
    std::size_t digits = 0;
    std::uint64_t first = 0, last = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): a false alarm of clang-tidy 14 at every <=>
    auto operator<=>(const Block&) const = default;

    [[nodiscard]] bool meets(const Block& next) const {
        return prefix == next.prefix && suffix == next.suffix && digits == next.digits &&
               last >= next.first;
    }
    [[nodiscard]] std::string first_name() const {
        if (digits == 0) return prefix;
        return prefix + padded(first, static_cast<unsigned>(digits)) + suffix;
    }
};

Block block_of_name(const std::string& name) {
    const auto last_digit = name.find_last_of(decimal);
    if (last_digit == std::string::npos) return {name, {}, 0, 0, 0};
    const std::string_view head(name.data(), last_digit + 1);
    const std::string_view run = trailing_digits(head);
    const auto number = parse_digits(run);
    if (!number) return {name, {}, 0, 0, 0};
    return {std::string(head.substr(0, head.size() - run.size())), name.substr(last_digit + 1),
            run.size(), *number, *number};
}

// False if the counted digits are not the last ones of the name, or are too many for a number.
bool add_blocks(const std::string& prefix, const std::string& suffix, const Span& span,
                std::vector<Block>& blocks) {
    const std::string_view run = trailing_digits(prefix);
    const unsigned most = std::max(span.width, digits_of(span.last));
    if (suffix.find_first_of(decimal) != std::string::npos) return false;
    if (!run.empty() && run.size() + most > max_digits) return false;
    const std::uint64_t fixed = parse_digits(run).value_or(0);
    const std::string head = prefix.substr(0, prefix.size() - run.size());
    for (auto first = span.first; first <= span.last;) {
        const unsigned digits = std::max(span.width, digits_of(first));
        const auto last = digits == most ? span.last : power_of_ten(digits) - 1;
        const std::uint64_t offset = run.empty() ? 0 : fixed * power_of_ten(digits);
        blocks.push_back({head, suffix, run.size() + digits, offset + first, offset + last});
        first = last + 1;
    }
    return true;
}

std::optional<std::string> first_meeting(std::vector<Block> blocks) {
    std::sort(blocks.begin(), blocks.end());
    const auto met = std::adjacent_find(blocks.begin(), blocks.end(),
                                        [](const auto& a, const auto& b) { return a.meets(b); });
    if (met == blocks.end()) return std::nullopt;
    return (met + 1)->first_name();
}

std::optional<std::string> repeated_by_name(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    const auto found = std::adjacent_find(names.begin(), names.end());
    return found == names.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string Hostlist::Range::name(std::uint64_t number) const {
    return numbered ? prefix + padded(number, width) + suffix : prefix;
}

std::optional<std::uint64_t> Hostlist::Range::number_of(std::string_view host) const {
    if (!numbered) return host == prefix ? std::optional<std::uint64_t>(0) : std::nullopt;
    if (host.size() <= prefix.size() + suffix.size()) return std::nullopt;
    if (!host.starts_with(prefix) || !host.ends_with(suffix)) return std::nullopt;
    host.remove_prefix(prefix.size());
    host.remove_suffix(suffix.size());
    const auto number = parse_digits(host);
    if (!number || *number < first || *number > last) return std::nullopt;
    return host.size() == std::max(width, digits_of(*number)) ? number : std::nullopt;
}

bool Hostlist::Range::continues(const Range& before) const {
    return numbered && before.numbered && first > 0 && before.last == first - 1 &&
           std::max(before.width, digits_of(first)) == width && prefix == before.prefix &&
           suffix == before.suffix;
}

// RFC 29 pads the whole bracket like its first number if that has leading zeros, flux-core each
// range like its own: a token holds only ranges that come out alike.
bool Hostlist::Range::shares_token_with(const Range& head, std::uint64_t head_number) const {
    if (!numbered || prefix != head.prefix || suffix != head.suffix) return false;
    const bool zeros = head.width > digits_of(head_number);
    return width == std::max(zeros ? head.width : 0, digits_of(first));
}

void Hostlist::push(Range range) {
    const auto count = static_cast<std::size_t>(range.count());
    if (!ranges_.empty() && range.continues(ranges_.back())) {
        ranges_.back().last = range.last;
    } else {
        range.start = size_;
        ranges_.push_back(std::move(range));
    }
    size_ += count;
}

void Hostlist::append(std::string_view host) {
    const std::string_view digits = trailing_digits(host);
    const auto number = parse_digits(digits);
    if (!number) {
        push({.prefix = std::string(host), .suffix = {}});
        return;
    }
    append_range(host.substr(0, host.size() - digits.size()), *number, *number,
                 static_cast<unsigned>(digits.size()), {});
}

void Hostlist::append_range(std::string_view prefix, std::uint64_t first, std::uint64_t last,
                            unsigned width, std::string_view suffix) {
    push({.prefix = std::string(prefix),
          .suffix = std::string(suffix),
          .first = first,
          .last = last,
          .width = std::max(width, digits_of(first)),
          .numbered = true});
}

void Hostlist::append(const Hostlist& other) {
    for (const auto& range : other.ranges_) push(range);
}

Hostlist Hostlist::slice(std::size_t first, std::size_t count) const {
    const std::size_t end = first + std::min(count, size_ - std::min(first, size_));
    Hostlist part;
    for (const auto& range : ranges_) {
        const std::size_t from = std::max(first, range.start);
        const std::size_t to = std::min(end, range.start + static_cast<std::size_t>(range.count()));
        if (from >= to) continue;
        Range cut = range;
        if (cut.numbered) {
            cut.first = range.first + (from - range.start);
            cut.last = range.first + (to - 1 - range.start);
            cut.width = std::max(range.width, digits_of(cut.first));
        }
        part.push(std::move(cut));
    }
    return part;
}

OrCause<Hostlist> Hostlist::parse(std::string_view text) {
    const auto odd = std::find_if(text.begin(), text.end(), [](char c) {
        return c <= ' ' || c > '~';  // also bytes above 127, whether char is signed or not
    });
    if (odd != text.end()) return refused("a character that is not printable ASCII", text);
    Hostlist list;
    if (text.empty()) return list;
    while (true) {
        const std::string_view piece = next_token(text);
        if (auto added = list.append_token(piece); !added) return tl::unexpected(added.error());
        if (text.empty()) return list;
        text.remove_prefix(1);  // the comma; what follows it must be a name
    }
}

OrCause<void> Hostlist::append_token(std::string_view text) {
    const auto token = parse_token(text);
    if (!token) return tl::unexpected(token.error());
    if (!token->bracket) {
        const std::string_view digits = trailing_digits(text);
        if (text.size() > max_in_name) return name_too_long(text);
        if (!digits.empty() && !parse_digits(digits)) {
            return refused("a number too large for Flux", text);
        }
        append(text);
        return check_size();
    }
    for (const auto& piece : split(token->spans, ',')) {
        const auto span = parse_span(piece, text);
        if (!span) return tl::unexpected(span.error());
        const auto digits = std::max(span->width, digits_of(span->last));
        if (token->prefix.size() + digits + token->suffix.size() > max_in_name) {
            return name_too_long(text);
        }
        append_range(token->prefix, span->first, span->last, span->width, token->suffix);
        if (auto fits = check_size(); !fits) return fits;
    }
    return {};
}

OrCause<void> Hostlist::check_size() const {
    if (size_ <= max_hosts) return {};
    return tl::unexpected("more than " + std::to_string(max_hosts) + " hosts");
}

std::string Hostlist::at(std::size_t position) const {
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), position,
                         [](std::size_t p, const Range& range) { return p < range.start; });
    const Range& range = *std::prev(after);
    return range.name(range.first + (position - range.start));
}

std::optional<std::size_t> Hostlist::find(std::string_view host) const {
    for (const auto& range : ranges_) {
        if (const auto number = range.number_of(host)) return range.start + (*number - range.first);
    }
    return std::nullopt;
}

std::optional<std::string> Hostlist::repeated() const {
    if (ranges_.size() <= 1) return std::nullopt;
    std::vector<Block> blocks;
    for (const auto& range : ranges_) {
        if (range.count() == 1) {
            blocks.push_back(block_of_name(range.name(range.first)));
        } else if (!add_blocks(range.prefix, range.suffix, {range.first, range.last, range.width},
                               blocks)) {
            return repeated_by_name(expand());
        }
    }
    return first_meeting(std::move(blocks));
}

std::string Hostlist::encode() const {
    std::string text;
    const auto add = [&text](const std::string& token) {
        if (!text.empty()) text += ',';
        text += token;
    };
    const Range* head = nullptr;  // of the token that is being collected
    std::uint64_t head_number = 0;
    std::string spans;
    const auto finish_token = [&] {
        if (head == nullptr) return;
        const bool one_number = spans.find_first_of(",-") == std::string::npos;
        add(head->prefix + (one_number ? spans : "[" + spans + "]") + head->suffix);
        head = nullptr;
        spans.clear();
    };
    for (const auto& range : ranges_) {
        if (head != nullptr && !range.shares_token_with(*head, head_number)) finish_token();
        if (!range.numbered) {
            add(range.prefix);
            continue;
        }
        for (auto first = range.first; first <= range.last; first += max_in_range) {
            const auto last = std::min(range.last, first + max_in_range - 1);
            std::string span = padded(first, range.width);
            if (last > first) span += "-" + padded(last, range.width);
            const auto fixed = range.prefix.size() + range.suffix.size() + std::size(",[]") - 1;
            if (fixed + spans.size() + span.size() > max_in_token) finish_token();
            if (head == nullptr) {
                head = &range;
                head_number = first;
            } else {
                spans += ',';
            }
            spans += span;
        }
    }
    finish_token();
    return text;
}

std::vector<std::string> Hostlist::expand() const {
    std::vector<std::string> names;
    names.reserve(size_);
    for (const auto& range : ranges_) {
        for (std::uint64_t i = 0; i < range.count(); ++i)
            names.push_back(range.name(range.first + i));
    }
    return names;
}

std::vector<std::string> Hostlist::boundary_names() const {
    std::vector<std::string> names;
    for (const auto& range : ranges_) {
        names.push_back(range.name(range.first));
        if (range.count() > 1) names.push_back(range.name(range.last));
    }
    return names;
}

HostRanks::HostRanks(const Hostlist& hosts) {
    ranks_.reserve(hosts.size());
    for (auto& name : hosts.expand()) ranks_.emplace(std::move(name), ranks_.size());
}

std::optional<std::size_t> HostRanks::find(const std::string& host) const {
    const auto found = ranks_.find(host);
    if (found == ranks_.end()) return std::nullopt;
    return found->second;
}

}  // namespace fluxpod
