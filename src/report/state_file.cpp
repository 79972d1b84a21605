// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/state_file.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <type_traits>

#include "fluxpod/base/json_object.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_reason = 1000;

template <class T>
void take(const json::object& object, std::string_view name, T& field) {
    if constexpr (std::is_same_v<T, std::string>) {
        // Up to the first NUL.
        if (const auto text = text_in(object, name)) field = text->substr(0, text->find('\0'));
    } else if constexpr (std::is_same_v<T, bool>) {
        field = bool_in(object, name).value_or(field);
    } else {
        field = number_in<T>(object, name).value_or(field);
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
    const auto object = parse_object(text);
    if (!object) return tl::unexpected<std::string>("it is not a JSON object");
    BootState state;
    take(*object, "pod", state.pod);
    take(*object, "rank", state.rank);
    take(*object, "stage", state.stage);
    take(*object, "since", state.since);
    take(*object, "launches", state.launches);
    take(*object, "supervised", state.supervised);
    take(*object, "parent", state.parent);
    take(*object, "reason", state.reason);
    if (state.stage.empty()) return tl::unexpected<std::string>("it names no stage");
    return state;
}

void forget_state(const std::string& path) { (void)::unlink(path.c_str()); }

}  // namespace fluxpod
