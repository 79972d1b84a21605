// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/duration.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

namespace fluxpod {

namespace {

using namespace std::chrono_literals;

constexpr Duration most = std::chrono::hours(24 * 365);

std::optional<Duration> unit_of(std::string_view suffix) {
    if (suffix == "ms") return 1ms;
    if (suffix.empty() || suffix == "s") return 1s;
    if (suffix == "m") return 1min;
    if (suffix == "h") return 1h;
    if (suffix == "d") return 24h;
    return std::nullopt;
}

std::int64_t rounded(Duration duration, Duration unit) { return (duration + unit / 2) / unit; }

// "1m30s", "2m": a count of the smaller unit, which makes up `ratio` to one of the larger.
std::string two_units(std::int64_t count, std::int64_t ratio, char larger, char smaller) {
    std::string text = std::to_string(count / ratio) + larger;
    if (count % ratio != 0) text += std::to_string(count % ratio) + smaller;
    return text;
}

}  // namespace

OrCause<Duration> parse_duration(std::string_view text) {
    using namespace std::string_literals;
    const auto malformed = tl::unexpected("is not a duration such as 30s, 1.5m or 500ms"s);
    // The 64 bits of a long double's mantissa hold a year in nanoseconds, with bits to spare for
    // the error of a decimal fraction. from_chars knows no locale, blank, plus sign or 0x.
    long double number = 0;
    const char* end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, number);
    if (text.starts_with('-')) {
        return error == std::errc{} ? tl::unexpected("is negative"s) : malformed;
    }
    if (text.empty() || error == std::errc::invalid_argument || std::isnan(number)) {
        return malformed;
    }
    const auto unit = unit_of({last, static_cast<std::size_t>(end - last)});
    if (std::isinf(number)) {
        return last == end ? tl::unexpected("is endless, but every wait must end"s) : malformed;
    }
    if (!unit) return malformed;
    // Out of range is also what is too near zero.
    if (error != std::errc{}) return tl::unexpected("is out of range"s);
    const long double nanoseconds = std::round(number * static_cast<long double>(unit->count()));
    if (nanoseconds > static_cast<long double>(most.count())) {
        return tl::unexpected("is more than 365 days"s);
    }
    return Duration(static_cast<Duration::rep>(nanoseconds));
}

std::string format_duration(Duration duration) {
    const auto count = rounded(std::max(duration, Duration::zero()), 1ms);
    constexpr std::int64_t second = 1000;
    constexpr std::int64_t minute = 60 * second;
    constexpr std::int64_t hour = 60 * minute;
    constexpr std::int64_t day = 24 * hour;
    if (count == 0) return "0s";
    if (count % day == 0) return std::to_string(count / day) + "d";
    if (count % hour == 0) return std::to_string(count / hour) + "h";
    if (count % minute == 0) return std::to_string(count / minute) + "m";
    if (count % second == 0) return std::to_string(count / second) + "s";
    return std::to_string(count) + "ms";
}

std::string describe_duration(Duration duration) {
    duration = std::max(duration, Duration::zero());
    // Rounded before it is compared, so that 59.97s becomes 1m and not 60s.
    if (const auto count = rounded(duration, 1ms); count < 1000) {
        return std::to_string(count) + "ms";
    }
    if (const auto tenths = rounded(duration, 100ms); tenths < 600) {
        std::string text = std::to_string(tenths / 10);
        if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
        return text + "s";
    }
    if (const auto count = rounded(duration, 1s); count < 3600)
        return two_units(count, 60, 'm', 's');
    if (const auto count = rounded(duration, 1min); count < 1440) {
        return two_units(count, 60, 'h', 'm');
    }
    return two_units(rounded(duration, 1h), 24, 'd', 'h');
}

}  // namespace fluxpod
