// SPDX-License-Identifier: Apache-2.0
#include "host_digits.hpp"

#include "fluxpod/base/text.hpp"

namespace fluxpod {

unsigned decimal_digits(std::uint64_t number) {
    unsigned digits = 1;
    while (number >= 10) number /= 10, ++digits;
    return digits;
}

std::uint64_t power_of_ten(std::size_t exponent) {
    std::uint64_t power = 1;
    while (exponent-- > 0) power *= 10;
    return power;
}

std::string zero_padded(std::uint64_t number, unsigned width) {
    std::string digits = std::to_string(number);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return digits;
}

std::optional<std::uint64_t> parse_digits(std::string_view text) {
    if (text.empty() || text.find_first_not_of(decimal) != std::string_view::npos) return {};
    const auto number = parse_number<std::uint64_t>(text);
    return number && decimal_digits(*number) <= max_host_digits ? number : std::nullopt;
}

std::string_view trailing_digits(std::string_view text) {
    const auto last = text.find_last_not_of(decimal);
    return last == std::string_view::npos ? text : text.substr(last + 1);
}

}  // namespace fluxpod
