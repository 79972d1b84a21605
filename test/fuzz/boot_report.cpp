// SPDX-License-Identifier: Apache-2.0
// Boot reports, which pods share, and the two pictures of them; and a state file, for probes.
#include "fluxpod/base/text.hpp"
#include "fluxpod/report/state_file.hpp"
#include "fluxpod/report/timeline.hpp"
#include "property.hpp"

using namespace fluxpod;

namespace {

void check_state(std::string_view text) {
    const auto state = parse_state(text);
    if (!state) {
        must_hold(!state.error().empty(), "a refusal has a reason");
        return;
    }
    const auto again = parse_state(encode_state(*state));
    must_hold(again.has_value(), "what was read can be written and read again");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text(data, size);
    check_state(text);
    auto lines = parse_report(text);
    if (!lines) {
        must_hold(!lines.error().empty(), "a refusal has a reason");
        return 0;
    }
    for (const auto& line : *lines) {
        must_hold(line.seconds >= 0 && line.began >= 0, "times are not negative");
        must_hold(!line.stage.empty(), "a line has a stage");
    }
    const std::string picture = draw_timeline(*lines, 80);
    for (const auto& row : split(picture, '\n')) {
        must_hold(printable(row) == row, "a picture can be shown on a terminal as it is");
    }
    const std::string svg = draw_timeline_svg(std::move(*lines));
    must_hold(svg.find("</svg>") != std::string::npos, "a whole SVG document");
    must_hold(svg.find('\0') == std::string::npos, "an SVG document has no NUL");
    return 0;
}
