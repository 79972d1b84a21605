// SPDX-License-Identifier: Apache-2.0
// The digits that a host name counts with, zero padding included: "007".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fluxpod {

// Far from the end of 64 bits, so that sums cannot overflow.
inline constexpr unsigned max_host_digits = 18;
inline constexpr std::string_view decimal = "0123456789";

// How many digits the number has without padding.
[[nodiscard]] unsigned decimal_digits(std::uint64_t number);
[[nodiscard]] std::uint64_t power_of_ten(std::size_t exponent);
[[nodiscard]] std::string zero_padded(std::uint64_t number, unsigned width);

// Reads only digits, and a value of at most max_host_digits.
[[nodiscard]] std::optional<std::uint64_t> parse_digits(std::string_view text);
// Returns the digits that the text ends in, which may be none.
[[nodiscard]] std::string_view trailing_digits(std::string_view text);

}  // namespace fluxpod
