// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_call_message.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

#include "fluxpod/base/json_object.hpp"
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

std::optional<std::string> short_text(const json::object& object, std::string_view name,
                                      std::size_t most) {
    const auto text = text_in(object, name);
    if (!text || text->size() > most) return std::nullopt;
    return std::string(*text);
}

std::optional<RollCallMessage> decode_presence(const json::object& object) {
    const auto rank = number_in<std::uint32_t>(object, "rank");
    const auto hostname = short_text(object, "hostname", Presence::max_hostname);
    const auto parent = number_in<std::uint32_t>(object, "parent");
    const auto waited = number_in<std::uint64_t>(object, "waited_ms");
    const auto refused = number_in<std::uint32_t>(object, "refused");
    if (!rank || !hostname || hostname_fault(*hostname) || !parent || !waited ||
        *waited > max_waited_ms || !refused) {
        return std::nullopt;
    }
    return Presence{.rank = *rank,
                    .hostname = *hostname,
                    .parent = *parent,
                    .waited = std::chrono::milliseconds(*waited),
                    .refused = *refused};
}

std::optional<RollCallMessage> decode_verdict(const json::object& object) {
    const auto complete = bool_in(object, "complete");
    const auto joined = number_in<std::uint32_t>(object, "joined");
    const auto size = number_in<std::uint32_t>(object, "size");
    const auto refused_keys = bool_in(object, "refused_keys");
    const auto lacking = short_text(object, "lacking", max_lacking);
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
    const auto object = parse_object(bytes, max_depth);
    if (!object) return std::nullopt;
    const auto kind = text_in(*object, "kind");
    if (kind == "present") return decode_presence(*object);
    if (kind == "verdict") return decode_verdict(*object);
    if (kind == "receipt") return Receipt{};
    return std::nullopt;
}

}  // namespace fluxpod
