// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hostlist.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "host_blocks.hpp"
#include "host_digits.hpp"
#include "host_token.hpp"

namespace fluxpod {

namespace {

tl::unexpected<std::string> name_too_long(std::string_view token) {
    return refuse_hosts(
        "a name of more than " + std::to_string(Hostlist::max_in_name) + " characters", token);
}

// Keeps a hash of each name and not the names: a million of them would take a hundred megabytes.
std::optional<std::string> repeated_by_name(const Hostlist& hosts) {
    const std::hash<std::string> hash_of;
    std::vector<std::size_t> hashes;
    hashes.reserve(hosts.size());
    for (std::size_t i = 0; i < hosts.size(); ++i) hashes.push_back(hash_of(hosts.at(i)));
    std::vector<std::size_t> sorted = hashes;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        const auto equal = std::equal_range(sorted.begin(), sorted.end(), hashes[i]);
        if (equal.second - equal.first > 1) names.push_back(hosts.at(i));
    }
    std::sort(names.begin(), names.end());
    const auto found = std::adjacent_find(names.begin(), names.end());
    return found == names.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string Hostlist::Range::name(std::uint64_t number) const {
    return numbered ? prefix + zero_padded(number, width) + suffix : prefix;
}

std::optional<std::uint64_t> Hostlist::Range::number_of(std::string_view host) const {
    if (!numbered) return host == prefix ? std::optional<std::uint64_t>(0) : std::nullopt;
    if (host.size() <= prefix.size() + suffix.size()) return std::nullopt;
    if (!host.starts_with(prefix) || !host.ends_with(suffix)) return std::nullopt;
    host.remove_prefix(prefix.size());
    host.remove_suffix(suffix.size());
    const auto number = parse_digits(host);
    if (!number || *number < first || *number > last) return std::nullopt;
    return host.size() == std::max(width, decimal_digits(*number)) ? number : std::nullopt;
}

bool Hostlist::Range::continues(const Range& before) const {
    return numbered && before.numbered && first > 0 && before.last == first - 1 &&
           std::max(before.width, decimal_digits(first)) == width && prefix == before.prefix &&
           suffix == before.suffix;
}

// RFC 29 pads the whole bracket like its first number if that has leading zeros, flux-core each
// range like its own: a token holds only ranges that come out alike.
bool Hostlist::Range::shares_token_with(const Range& head, std::uint64_t head_number) const {
    if (!numbered || prefix != head.prefix || suffix != head.suffix) return false;
    const bool zeros = head.width > decimal_digits(head_number);
    return width == std::max(zeros ? head.width : 0, decimal_digits(first));
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
          .width = std::max(width, decimal_digits(first)),
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
            cut.width = std::max(range.width, decimal_digits(cut.first));
        }
        part.push(std::move(cut));
    }
    return part;
}

OrCause<Hostlist> Hostlist::parse(std::string_view text) {
    const auto odd = std::find_if(text.begin(), text.end(), [](char c) {
        return c <= ' ' || c > '~';  // also bytes above 127, whether char is signed or not
    });
    if (odd != text.end()) return refuse_hosts("a character that is not printable ASCII", text);
    Hostlist list;
    if (text.empty()) return list;
    while (true) {
        const std::string_view piece = next_host_token(text);
        if (auto added = list.append_token(piece); !added) return tl::unexpected(added.error());
        if (text.empty()) return list;
        text.remove_prefix(1);  // the comma; what follows it must be a name
    }
}

OrCause<void> Hostlist::append_token(std::string_view text) {
    const auto token = parse_host_token(text);
    if (!token) return tl::unexpected(token.error());
    if (!token->bracket) {
        const std::string_view digits = trailing_digits(text);
        if (text.size() > max_in_name) return name_too_long(text);
        if (!digits.empty() && !parse_digits(digits)) {
            return refuse_hosts("a number too large for Flux", text);
        }
        append(text);
        return check_size();
    }
    for (const auto& piece : split(token->spans, ',')) {
        const auto span = parse_host_span(piece, text);
        if (!span) return tl::unexpected(span.error());
        const auto digits = std::max(span->width, decimal_digits(span->last));
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
    std::vector<HostBlock> blocks;
    for (const auto& range : ranges_) {
        if (range.count() == 1) {
            blocks.push_back(block_of_name(range.name(range.first)));
        } else if (!add_blocks(range.prefix, range.suffix, {range.first, range.last, range.width},
                               blocks)) {
            return repeated_by_name(*this);
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
            std::string span = zero_padded(first, range.width);
            if (last > first) span += "-" + zero_padded(last, range.width);
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

}  // namespace fluxpod
