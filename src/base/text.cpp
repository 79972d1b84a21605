// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

namespace fluxpod {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> pieces;
    while (true) {
        auto at = text.find(separator);
        pieces.emplace_back(text.substr(0, at));
        if (at == std::string_view::npos) return pieces;
        text.remove_prefix(at + 1);
    }
}

std::vector<std::string> split_words(std::string_view text) {
    constexpr std::string_view blank = " \t";
    std::vector<std::string> words;
    while (true) {
        auto begin = text.find_first_not_of(blank);
        if (begin == std::string_view::npos) return words;
        text.remove_prefix(begin);
        auto end = std::min(text.find_first_of(blank), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n\v\f";
    auto begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

std::string join(const std::vector<std::string>& pieces, std::string_view separator) {
    std::string joined;
    for (const auto& piece : pieces) {
        if (&piece != pieces.data()) joined += separator;
        joined += piece;
    }
    return joined;
}

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lowered;
}

namespace {

// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < to.size(); ++j) {
            std::size_t substituted = diagonal + (from[i] == to[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

struct CodeRange {
    std::uint32_t first, last;
};

// Characters that change how their neighbours are shown, or that nobody sees: Unicode's
// Bidi_Control, Default_Ignorable_Code_Point, line and paragraph separators, and annotations.
constexpr std::array<CodeRange, 17> unseen{{{0x00AD, 0x00AD},
                                            {0x034F, 0x034F},
                                            {0x061C, 0x061C},
                                            {0x115F, 0x1160},
                                            {0x17B4, 0x17B5},
                                            {0x180B, 0x180F},
                                            {0x200B, 0x200F},
                                            {0x2028, 0x202E},
                                            {0x2060, 0x206F},
                                            {0x3164, 0x3164},
                                            {0xFE00, 0xFE0F},
                                            {0xFEFF, 0xFEFF},
                                            {0xFFA0, 0xFFA0},
                                            {0xFFF0, 0xFFFB},
                                            {0x1BCA0, 0x1BCA3},
                                            {0x1D173, 0x1D17A},
                                            {0xE0000, 0xE0FFF}}};

bool is_unseen(std::uint32_t code) {
    return std::ranges::any_of(
        unseen, [code](const CodeRange& r) { return r.first <= code && code <= r.last; });
}

// Length of the well-formed UTF-8 sequence (RFC 3629) of two to four bytes that text begins
// with; 0 if there is none, or if its character is not to be printed: a C1 control (U+0080 to
// U+009F), or an unseen one.
std::size_t utf8_sequence(std::string_view text) {
    auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    std::size_t length = 0;
    std::uint32_t code = 0;
    if (byte(0) >= 0xC2 && byte(0) <= 0xDF) {
        length = 2;
        code = byte(0) & 0x1FU;
    } else if ((byte(0) & 0xF0U) == 0xE0) {
        length = 3;
        code = byte(0) & 0x0FU;
    } else if (byte(0) >= 0xF0 && byte(0) <= 0xF4) {
        length = 4;
        code = byte(0) & 0x07U;
    }
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return 0;
        code = (code << 6U) | (byte(i) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0xA0, 0x800, 0x10000};
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    const bool malformed = code < least.at(length) || code > 0x10FFFF || surrogate;
    return malformed || is_unseen(code) ? 0 : length;
}

}  // namespace

std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string>& candidates) {
    std::size_t best = name.size() >= 8 ? 4 : 3;
    best = std::min(best, std::max<std::size_t>(name.size(), 1));  // "x" is not a typo of "to"
    std::optional<std::string> found;
    for (const auto& candidate : candidates) {
        // The distance is at least the difference in length: a huge name costs nothing.
        if (candidate.size() >= name.size() + best || name.size() >= candidate.size() + best) {
            continue;
        }
        auto distance = edit_distance(name, candidate);
        if (distance < best) best = distance, found = candidate;
    }
    return found;
}

std::string excerpt(std::string_view text, std::size_t most) {
    if (text.size() <= most) return std::string(text);
    return std::string(text.substr(0, most)) + "...";
}

bool is_alphanumeric(std::string_view text, std::string_view also) {
    return std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               also.find(c) != std::string_view::npos;
    });
}

std::string shell_quoted(std::string_view word) {
    if (!word.empty() && is_alphanumeric(word, "_-+=.,:/@%")) return std::string(word);
    std::string text = "'";
    for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

std::string printable(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string safe;
    safe.reserve(text.size());
    while (!text.empty()) {
        auto byte = static_cast<std::uint8_t>(text[0]);
        std::size_t length = byte >= 0x20 && byte < 0x7F ? 1 : utf8_sequence(text);
        if (length > 0) {
            safe += text.substr(0, length);
        } else {
            length = 1;
            safe += {'\\', 'x', digits[byte >> 4U], digits[byte & 0x0FU]};
        }
        text.remove_prefix(length);
    }
    return safe;
}

std::string in_quotes(std::string_view text) { return "\"" + excerpt(text) + "\""; }

}  // namespace fluxpod
