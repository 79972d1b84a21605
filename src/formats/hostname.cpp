// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hostname.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fluxpod {

std::optional<std::string> hostname_fault(std::string_view name) {
    constexpr std::size_t max_name = 253;
    constexpr std::size_t max_label = 63;
    if (name.empty()) return "is empty";
    if (name.size() > max_name) return fmt::format("is longer than {} characters", max_name);
    auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
    };
    while (true) {
        const auto dot = name.find('.');
        const std::string_view label = name.substr(0, dot);
        if (label.empty()) return "has an empty label";
        if (label.size() > max_label) {
            return fmt::format("has a label longer than {} characters", max_label);
        }
        if (label.front() == '-' || label.back() == '-') {
            return "has a label that begins or ends with a hyphen";
        }
        if (!std::ranges::all_of(label, allowed)) {
            return "has a character other than a letter, digit, hyphen or dot";
        }
        if (dot == std::string_view::npos) return std::nullopt;
        name.remove_prefix(dot + 1);
    }
}

}  // namespace fluxpod
