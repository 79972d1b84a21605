// SPDX-License-Identifier: Apache-2.0
// Strict text: numbers without surprises, and the nearest known name for a typo.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxpod {

// Pieces between separators, empty ones included: "a,,b" has three.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
// Pieces between runs of spaces and tabs, never empty.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string join(const std::vector<std::string>& pieces, std::string_view separator);
[[nodiscard]] std::string lower(std::string_view text);  // ASCII only, whatever the locale

// The whole text is one decimal number that fits T: no sign on unsigned types, no blanks,
// no "+", no trailing characters. Leading zeros are accepted.
template <std::integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text) {
    T value{};
    const char* end = text.data() + text.size();
    auto [last, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || last != end) return std::nullopt;
    return value;
}

// The candidate with the least edit distance, if it is near enough to be a typo (at most
// two edits, or three for names of eight characters and more).
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 const std::vector<std::string>& candidates);

// The text for an error message: its beginning and "..." where it is longer than `most` bytes.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t most = 80);
// The same in double quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

// Whether every byte is a letter or digit of ASCII, whatever the locale, or one of `also`.
[[nodiscard]] bool is_alphanumeric(std::string_view text, std::string_view also);

// The word as a POSIX shell reads it back; plain ones as they are.
[[nodiscard]] std::string shell_quoted(std::string_view word);

// Escapes as \xNN what is not printable ASCII or well-formed UTF-8, reorders text, or is invisible:
// hostile input can neither forge a log line nor reach a terminal as an escape sequence.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace fluxpod
