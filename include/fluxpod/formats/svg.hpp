// SPDX-License-Identifier: Apache-2.0
// What every drawing has in common: a white page with text in one hand (SVG 1.1).
#pragma once

#include <string>
#include <string_view>

namespace fluxpod {

// A whole document of that many pixels; `styles` are CSS rules besides that of text.
[[nodiscard]] std::string svg_document(double width, double height, std::string_view styles,
                                       std::string_view body);

// Text as XML's content, or between the quotes of an attribute.
[[nodiscard]] std::string xml_escaped(std::string_view text);

}  // namespace fluxpod
