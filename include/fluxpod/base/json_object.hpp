// SPDX-License-Identifier: Apache-2.0
// Reading a JSON object that somebody else wrote: a broker's answer, a message of a peer, a file. A
// member that is missing and one of another type are the same to these readers, and neither throws.
// What they return points into the object.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace fluxpod {

// Parses a text that is one object and nothing else but blanks. nullopt if it is not, or if objects
// and arrays are nested deeper than `max_depth` (the outermost is one).
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text,
                                                              std::size_t max_depth = 32);

// nullptr if there is no such member.
[[nodiscard]] const boost::json::value* member_of(const boost::json::object& object,
                                                  std::string_view name);

// nullptr if there is no such member, or it has another type.
[[nodiscard]] const boost::json::object* object_in(const boost::json::object& object,
                                                   std::string_view name);
[[nodiscard]] const boost::json::array* array_in(const boost::json::object& object,
                                                 std::string_view name);

// nullopt if there is no such member, or it has another type. A text may hold NUL characters.
[[nodiscard]] std::optional<std::string_view> text_in(const boost::json::object& object,
                                                      std::string_view name);
[[nodiscard]] std::optional<bool> bool_in(const boost::json::object& object, std::string_view name);

// Whole numbers: nullopt also if the number does not fit into T, or is written with a point or an
// exponent ("3.0"). Others: nullopt also if it is infinite ("1e999").
template <class T>
requires(std::integral<T> || std::floating_point<T>) &&
    (!std::same_as<T, bool>)
        [[nodiscard]] std::optional<T> number_in(const boost::json::object& object,
                                                 std::string_view name) {
    const auto* value = member_of(object, name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    if (std::integral<T> && value->is_double()) return std::nullopt;
    boost::system::error_code error;
    const T number = value->to_number<T>(error);
    if (error) return std::nullopt;
    if constexpr (std::floating_point<T>) {
        if (!std::isfinite(number)) return std::nullopt;
    }
    return number;
}

}  // namespace fluxpod
