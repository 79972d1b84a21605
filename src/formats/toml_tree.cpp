// SPDX-License-Identifier: Apache-2.0
#include "toml_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/locale/utf.hpp>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <utility>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_levels = 32;
constexpr std::size_t max_cost = 500'000'000;  // about a second of toml11

tl::unexpected<std::string> refuse_value(std::string cause) {
    return tl::unexpected(std::move(cause));
}

bool is_utf8(std::string_view text) {
    const auto* at = text.begin();
    while (at != text.end()) {
        using Traits = boost::locale::utf::utf_traits<char>;
        auto code = Traits::decode(at, text.end());
        if (code == boost::locale::utf::illegal || code == boost::locale::utf::incomplete) {
            return false;
        }
    }
    return true;
}

// Whether a number of the text has a value that 64 bits, or a double, can hold; true for a text
// that is not a number.
bool fits(std::string token) {
    std::erase(token, '_');
    if (token.starts_with('+')) token.erase(0, 1);
    const char* begin = token.data();
    const char* end = begin + token.size();
    std::int64_t integer = 0;
    for (const auto& [prefix, base] : {std::pair{"0x", 16}, {"0o", 8}, {"0b", 2}}) {
        if (!token.starts_with(prefix)) continue;
        return std::from_chars(begin + 2, end, integer, base).ec != std::errc::result_out_of_range;
    }
    const auto whole = std::from_chars(begin, end, integer);
    if (whole.ptr == end) return whole.ec != std::errc::result_out_of_range;
    double number = 0;
    const auto real = std::from_chars(begin, end, number);
    return real.ptr != end || real.ec != std::errc::result_out_of_range;
}

// Walks over strings and comments and counts how deep the rest nests, since toml11 recurses once
// for each bracket and each dot; and what its reading will cost, since it looks at the whole line
// again for each value on it. If it reads a text otherwise than the library does, the text is not
// TOML, and the library stops there.
class CostScanner {
  public:
    explicit CostScanner(std::string_view text) : text_(text) {}

    OrCause<void> scan() {
        while (at_ < text_.size()) {
            if (awaits_value_ && is_alphanumeric(text_.substr(at_, 1), "+-")) {
                if (auto fitting = skip_bare_value(); !fitting) return fitting;
                continue;
            }
            if (!step()) return refuse_value(fmt::format("line {}: a string without end", line_));
            if (depth_ + dots_ > max_levels) {
                return refuse_value(
                    fmt::format("line {}: nested deeper than {} levels", line_, max_levels));
            }
            if (cost_ + marks_ * (at_ - line_start_) > max_cost) {
                return refuse_value(fmt::format("line {}: too many values in one line", line_));
            }
        }
        return {};
    }

  private:
    // A number, a date, true, or in an inline table the key after a comma.
    OrCause<void> skip_bare_value() {
        awaits_value_ = false;
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_alphanumeric(text_.substr(at_, 1), "+-_.:")) ++at_;
        const std::string token(text_.substr(begin, at_ - begin));
        if (fits(token)) return {};
        return refuse_value(
            fmt::format("line {}: the number {} is too large or too small", line_, excerpt(token)));
    }

    bool step() {
        const char c = text_[at_];
        // A bracket that opens where a value is awaited is an array, else the head of a section.
        const bool opens_array = c == '[' && awaits_value_;
        const bool in_array = !open_.empty() && open_.back().is_array;
        if (c == '=' || opens_array || (c == ',' && in_array)) {
            awaits_value_ = true;
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            awaits_value_ = false;
        }
        if (c == '"' || c == '\'') return skip_string(c);
        ++at_;
        switch (c) {
            case '#': at_ = std::min(text_.find('\n', at_), text_.size()); break;
            case '\n':
                end_line();
                if (open_.empty()) dots_ = 0;
                break;
            case '.': ++dots_; break;
            case ',':
                ++marks_;
                dots_ = 0;
                break;
            case '[':
            case '{':
                ++marks_;
                open_.push_back({.levels = dots_ + 1, .is_array = opens_array});
                depth_ += dots_ + 1;
                dots_ = 0;
                break;
            case ']':
            case '}': close(); break;
            default: break;
        }
        return true;
    }

    void end_line() {
        ++line_;
        cost_ += marks_ * (at_ - line_start_);
        marks_ = 0;
        line_start_ = at_;
    }

    void close() {
        dots_ = 0;
        if (open_.empty()) return;
        depth_ -= open_.back().levels;
        open_.pop_back();
    }

    bool skip_string(char quote) {
        const std::string three(3, quote);
        const bool multiline = text_.substr(at_).starts_with(three);
        at_ += multiline ? 3 : 1;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\n') {
                if (!multiline) return false;
                end_line();
            }
            if (c == '\\' && quote == '"') {
                ++at_;  // whatever is escaped, it does not end the string
                if (at_ < text_.size() && text_[at_] == '\n') end_line();
            } else if (!multiline && c == quote) {
                ++at_;
                return true;
            } else if (multiline && text_.substr(at_).starts_with(three)) {
                at_ += 3;
                return true;
            }
            ++at_;
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t line_start_ = 0;
    std::size_t marks_ = 0;  // values that begin in this line, about
    std::size_t cost_ = 0;   // of the lines before
    std::size_t depth_ = 0;
    std::size_t dots_ = 0;  // of the key that is being read
    bool awaits_value_ = false;
    struct Bracket {
        std::size_t levels;
        bool is_array;
    };
    std::vector<Bracket> open_;
};

}  // namespace

std::string first_line_of_toml_error(std::string_view what) {
    constexpr std::string_view label = "[error] ";
    if (what.starts_with(label)) what.remove_prefix(label.size());
    return std::string(trim(what.substr(0, what.find('\n'))));
}

OrCause<Toml> parse_toml(std::string_view text, std::size_t max_bytes) {
    if (text.size() > max_bytes)
        return refuse_value(fmt::format("larger than {} bytes", max_bytes));
    if (text.find('\0') != std::string_view::npos) return refuse_value("a NUL character");
    if (!is_utf8(text)) return refuse_value("not UTF-8 text");
    if (auto bounded = CostScanner(text).scan(); !bounded) return refuse_value(bounded.error());
    try {
        std::istringstream stream(std::string(text) + "\n");
        return toml::parse<toml::discard_comments, std::map, std::vector>(stream, "TOML");
    } catch (const toml::exception& e) {
        return refuse_value(
            fmt::format("line {}: {}", e.location().line(), first_line_of_toml_error(e.what())));
    } catch (const std::exception& e) {
        return refuse_value(first_line_of_toml_error(e.what()));
    }
}

}  // namespace fluxpod
