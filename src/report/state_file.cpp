// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/state_file.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <type_traits>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_reason = 1000;

template <class T>
void take(const json::object& object, std::string_view name, T& field) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return;
    if constexpr (std::is_same_v<T, std::string>) {
        if (value->is_string()) field = value->get_string().c_str();
    } else if constexpr (std::is_same_v<T, bool>) {
        if (value->is_bool()) field = value->get_bool();
    } else {
        json::error_code ignored;
        const auto number = value->to_number<T>(ignored);
        // 1e999 is JSON, and infinite as a double.
        if constexpr (std::is_floating_point_v<T>) {
            if (!std::isfinite(number)) return;
        }
        if (!ignored) field = number;
    }
}

}  // namespace

std::string encode_state(const BootState& state) {
    const json::object object{
        {"pod", printable(state.pod)},
        {"rank", state.rank < 0 ? json::value(nullptr) : json::value(state.rank)},
        {"stage", printable(state.stage)},
        {"since", state.since},
        {"launches", state.launches},
        {"supervised", state.supervised},
        {"parent", printable(state.parent)},
        {"reason", excerpt(printable(state.reason), longest_reason)},
    };
    return json::serialize(object) + "\n";
}

OrCause<BootState> parse_state(std::string_view text) {
    json::error_code error;
    const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) return tl::unexpected<std::string>("it is not a JSON object");
    const json::object& object = value.get_object();
    BootState state;
    take(object, "pod", state.pod);
    take(object, "rank", state.rank);
    take(object, "stage", state.stage);
    take(object, "since", state.since);
    take(object, "launches", state.launches);
    take(object, "supervised", state.supervised);
    take(object, "parent", state.parent);
    take(object, "reason", state.reason);
    if (state.stage.empty()) return tl::unexpected<std::string>("it names no stage");
    return state;
}

void forget_state(const std::string& path) { (void)::unlink(path.c_str()); }

}  // namespace fluxpod
