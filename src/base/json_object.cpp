// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/json_object.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <utility>

namespace fluxpod {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text, std::size_t max_depth) {
    json::parse_options options;
    options.max_depth = max_depth;
    boost::system::error_code malformed;
    json::value value = json::parse({text.data(), text.size()}, malformed, {}, options);
    if (malformed || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

const json::value* member_of(const json::object& object, std::string_view name) {
    return object.if_contains({name.data(), name.size()});
}

const json::object* object_in(const json::object& object, std::string_view name) {
    const auto* value = member_of(object, name);
    return value == nullptr ? nullptr : value->if_object();
}

const json::array* array_in(const json::object& object, std::string_view name) {
    const auto* value = member_of(object, name);
    return value == nullptr ? nullptr : value->if_array();
}

std::optional<std::string_view> text_in(const json::object& object, std::string_view name) {
    const auto* value = member_of(object, name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string_view(value->get_string().data(), value->get_string().size());
}

std::optional<bool> bool_in(const json::object& object, std::string_view name) {
    const auto* value = member_of(object, name);
    if (value == nullptr || !value->is_bool()) return std::nullopt;
    return value->get_bool();
}

}  // namespace fluxpod
