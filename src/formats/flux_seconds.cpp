// SPDX-License-Identifier: Apache-2.0
#include "flux_seconds.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace fluxpod {

OrCause<double> flux_seconds(const std::string& text) {
    constexpr std::array<std::pair<std::string_view, double>, 6> units{
        {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
    char* rest = nullptr;
    const double number = std::strtod(text.c_str(), &rest);
    const auto* unit = std::ranges::find(units, std::string_view(rest),
                                         [](const auto& each) { return each.first; });
    const bool has_unit = *rest != '\0';
    if (unit == units.end() || std::isnan(number) || (std::isinf(number) && has_unit)) {
        return tl::unexpected(text + " is not a duration such as 30s, 1.5m or 500ms");
    }
    if (number < 0) return tl::unexpected(text + " is negative");
    return number * unit->second;
}

}  // namespace fluxpod
