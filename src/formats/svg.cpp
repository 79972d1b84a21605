// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/svg.hpp"

#include <fmt/format.h>

namespace fluxpod {

std::string svg_document(double width, double height, std::string_view styles,
                         std::string_view body) {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\">\n"
        "<style>text {{ font: 13px sans-serif; fill: #222 }} {2}</style>\n"
        "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n{3}</svg>\n",
        width, height, styles, body);
}

std::string xml_escaped(std::string_view text) {
    std::string plain;
    for (char c : text) {
        switch (c) {
            case '&': plain += "&amp;"; break;
            case '<': plain += "&lt;"; break;
            case '>': plain += "&gt;"; break;
            case '"': plain += "&quot;"; break;
            default: plain += c;
        }
    }
    return plain;
}

}  // namespace fluxpod
