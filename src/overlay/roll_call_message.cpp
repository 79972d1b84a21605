// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_call_message.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <limits>

#include "fluxpod/formats/hostname.hpp"

namespace fluxpod {

namespace json = boost::json;

namespace {

constexpr std::uint64_t max_waited_ms = std::uint64_t{1000} * 60 * 60 * 24 * 366;
constexpr std::size_t max_lacking = 1024;
constexpr std::size_t max_depth = 2;

std::uint64_t milliseconds(Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)), max_waited_ms);
}

std::optional<std::uint64_t> number(const json::object& object, std::string_view name,
                                    std::uint64_t most) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return std::nullopt;
    boost::system::error_code error;
    const auto read = value->to_number<std::uint64_t>(error);
    if (error || !(value->is_int64() || value->is_uint64()) || read > most) return std::nullopt;
    return read;
}

std::optional<std::uint32_t> number32(const json::object& object, std::string_view name) {
    const auto read = number(object, name, std::numeric_limits<std::uint32_t>::max());
    if (!read) return std::nullopt;
    return static_cast<std::uint32_t>(*read);
}

std::optional<std::string> text(const json::object& object, std::string_view name,
                                std::size_t most) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string() || value->get_string().size() > most) {
        return std::nullopt;
    }
    return std::string(value->get_string());
}

std::optional<bool> truth(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_bool()) return std::nullopt;
    return value->get_bool();
}

std::optional<RollCallMessage> decode_presence(const json::object& object) {
    const auto rank = number32(object, "rank");
    const auto hostname = text(object, "hostname", Presence::max_hostname);
    const auto parent = number32(object, "parent");
    const auto waited = number(object, "waited_ms", max_waited_ms);
    const auto refused = number32(object, "refused");
    if (!rank || !hostname || hostname_fault(*hostname) || !parent || !waited || !refused) {
        return std::nullopt;
    }
    return Presence{.rank = *rank,
                    .hostname = *hostname,
                    .parent = *parent,
                    .waited = std::chrono::milliseconds(*waited),
                    .refused = *refused};
}

std::optional<RollCallMessage> decode_verdict(const json::object& object) {
    const auto complete = truth(object, "complete");
    const auto joined = number32(object, "joined");
    const auto size = number32(object, "size");
    const auto refused_keys = truth(object, "refused_keys");
    const auto lacking = text(object, "lacking", max_lacking);
    if (!complete || !joined || !size || !refused_keys || !lacking) return std::nullopt;
    return RollCallVerdict{.complete = *complete,
                           .joined = *joined,
                           .size = *size,
                           .refused_keys = *refused_keys,
                           .lacking = *lacking};
}

json::object as_json(const Presence& presence) {
    return {{"kind", "present"},
            {"rank", presence.rank},
            {"hostname", presence.hostname},
            {"parent", presence.parent},
            {"waited_ms", milliseconds(presence.waited)},
            {"refused", presence.refused}};
}

json::object as_json(const RollCallVerdict& verdict) {
    return {{"kind", "verdict"},
            {"complete", verdict.complete},
            {"joined", verdict.joined},
            {"size", verdict.size},
            {"refused_keys", verdict.refused_keys},
            {"lacking", verdict.lacking.substr(0, max_lacking)}};
}

json::object as_json(const Receipt& /*receipt*/) { return {{"kind", "receipt"}}; }

}  // namespace

std::string encode_roll_call(const RollCallMessage& message) {
    return std::visit([](const auto& known) { return json::serialize(as_json(known)); }, message);
}

std::optional<RollCallMessage> decode_roll_call(std::string_view bytes) {
    if (bytes.size() > max_roll_call_bytes) return std::nullopt;
    json::parse_options options;
    options.max_depth = max_depth;
    boost::system::error_code error;
    const json::value value = json::parse(bytes, error, {}, options);
    if (error || !value.is_object()) return std::nullopt;
    const auto& object = value.get_object();
    const auto kind = text(object, "kind", 16);
    if (kind == "present") return decode_presence(object);
    if (kind == "verdict") return decode_verdict(object);
    if (kind == "receipt") return Receipt{};
    return std::nullopt;
}

}  // namespace fluxpod
