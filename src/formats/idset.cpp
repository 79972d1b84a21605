// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/idset.hpp"

#include <algorithm>
#include <optional>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

std::optional<std::uint32_t> parse_id(std::string_view text) {
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    const auto id = parse_number<std::uint32_t>(text);
    return id && *id <= Idset::max_id ? id : std::nullopt;
}

OrCause<Idset::Range> parse_range(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_id(text.substr(0, dash));
    if (!first) return tl::unexpected("\"" + excerpt(text) + "\" is not a number or a range");
    if (dash == std::string_view::npos) return Idset::Range{*first, *first};
    const auto last = parse_id(text.substr(dash + 1));
    if (!last) return tl::unexpected("\"" + excerpt(text) + "\" is not a range");
    if (*last < *first) return tl::unexpected(excerpt(text) + " runs backwards");
    if (*last == *first) return tl::unexpected(std::string(text) + " is one number, not a range");
    return Idset::Range{*first, *last};
}

}  // namespace

OrCause<Idset> Idset::parse(std::string_view text) {
    const std::string place = " in " + excerpt(text);
    if (text.starts_with('[') && text.ends_with(']')) {
        text = text.substr(1, text.size() - 2);
    }
    Idset set;
    if (text.empty()) return set;
    for (const auto& piece : split(text, ',')) {
        const auto range = parse_range(piece);
        if (!range) return tl::unexpected(range.error() + place);
        if (!set.empty() && range->first <= set.ranges_.back().last) {
            return tl::unexpected(excerpt(piece).append(" is out of order").append(place));
        }
        set.insert(*range);
    }
    return set;
}

Idset Idset::range(std::uint32_t first, std::uint32_t last) {
    Idset set;
    set.insert({first, last});
    return set;
}

void Idset::insert(Range range) {
    // Neighbours are joined: 64 bits, so that neither end overflows.
    const auto ends_before = [](const Range& present, std::uint64_t id) {
        return std::uint64_t{present.last} + 1 < id;
    };
    auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), range.first, ends_before);
    auto end = begin;
    while (end != ranges_.end() && end->first <= std::uint64_t{range.last} + 1) {
        range.first = std::min(range.first, end->first);
        range.last = std::max(range.last, end->last);
        ++end;
    }
    if (begin == end) {
        ranges_.insert(begin, range);
        return;
    }
    *begin = range;
    ranges_.erase(begin + 1, end);
}

bool Idset::contains(std::uint32_t id) const {
    const auto found = std::lower_bound(ranges_.begin(), ranges_.end(), id,
                                        [](const Range& r, std::uint32_t i) { return r.last < i; });
    return found != ranges_.end() && found->first <= id;
}

std::uint64_t Idset::count() const {
    std::uint64_t total = 0;
    for (const auto& range : ranges_) total += std::uint64_t{range.last} - range.first + 1;
    return total;
}

std::string Idset::encode() const {
    std::string text;
    for (const auto& range : ranges_) {
        if (!text.empty()) text += ',';
        text += std::to_string(range.first);
        if (range.last > range.first) text += "-" + std::to_string(range.last);
    }
    return text;
}

}  // namespace fluxpod
