// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <map>
#include <utility>

#include "fluxpod/base/json_object.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/svg.hpp"
#include "fluxpod/report/state_file.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

constexpr std::size_t max_line_bytes = 65536;  // JSON in memory takes ten times its bytes
constexpr std::size_t longest_pod = 253;       // of a DNS name, RFC 1035

tl::unexpected<std::string> refuse(std::string cause) { return tl::unexpected(std::move(cause)); }

std::string text_of(const json::object& object, std::string_view name) {
    return std::string(text_in(object, name).value_or(""));
}

OrCause<double> number_of(const json::object& object, std::string_view name) {
    const auto number = number_in<double>(object, name);
    constexpr double year_10000 = 253402300800.0;
    if (!number || *number < 0 || *number >= year_10000) {
        return refuse(fmt::format("it has no {}", name));
    }
    return *number;
}

OrCause<StageLine> parse_line(std::string_view text) {
    const auto parsed = parse_object(text);
    if (!parsed) return refuse("it is not a JSON object");
    const json::object& object = *parsed;
    StageLine line;
    // Every row is as wide as the longest name.
    line.pod = excerpt(printable(text_of(object, "pod")), longest_pod);
    line.stage = printable(text_of(object, "stage"));
    line.detail = printable(text_of(object, "detail"));
    line.failed = text_of(object, "verdict") != "ok";
    if (line.stage.empty()) return refuse("it names no stage");
    auto began = number_of(object, "began");
    if (!began) return refuse(began.error());
    auto seconds = number_of(object, "seconds");
    if (!seconds) return refuse(seconds.error());
    line.began = *began;
    line.seconds = *seconds;
    line.rank = number_in<std::int64_t>(object, "rank").value_or(line.rank);
    return line;
}

// ---- rows ---------------------------------------------------------------------------------------

struct Kind {
    char mark;
    std::string_view css;
};
constexpr Kind own{'.', "own"};
constexpr Kind waits{'~', "waits"};
constexpr Kind runs{'=', "runs"};

Kind kind_of(std::string_view stage) {
    if (stage == "gates") return waits;
    return stage == stage::launch || stage == "roll call" ? runs : own;
}

struct Row {
    std::string pod;
    std::int64_t rank = -1;
    std::vector<StageLine> stages;  // in the order of time
};

struct Picture {
    std::vector<Row> rows;
    double begin = 0;
    double end = 0;

    // 0 to 1
    [[nodiscard]] double place_of(double when) const {
        // A microsecond is nothing in a double that counts the seconds of ten thousand years.
        return end > begin ? std::clamp((when - begin) / (end - begin), 0.0, 1.0) : 0.0;
    }
    [[nodiscard]] double end_of(const Row& row, std::size_t i) const {
        const StageLine& stage = row.stages[i];
        if (i + 1 < row.stages.size()) return std::max(stage.began, row.stages[i + 1].began);
        const bool goes_on = stage.stage == stage::launch && !stage.failed;
        return goes_on ? end : stage.began + stage.seconds;
    }
};

Picture arrange(std::vector<StageLine> lines) {
    std::ranges::stable_sort(lines, {}, &StageLine::began);
    Picture picture;
    std::map<std::string, std::size_t> place;
    for (auto& line : lines) {
        const auto [found, is_new] = place.try_emplace(line.pod, picture.rows.size());
        if (is_new) picture.rows.push_back({.pod = line.pod, .rank = -1, .stages = {}});
        Row& row = picture.rows[found->second];
        if (line.rank >= 0) row.rank = line.rank;
        picture.end = std::max(picture.end, line.began + line.seconds);
        row.stages.push_back(std::move(line));
    }
    std::ranges::stable_sort(picture.rows, {},
                             [](const Row& row) { return std::pair(row.rank < 0, row.rank); });
    picture.begin = picture.end;  // all of it may be empty
    for (const auto& row : picture.rows) {
        picture.begin = std::min(picture.begin, row.stages.front().began);
    }
    constexpr double shortest = 1e-6;
    picture.end = std::max(picture.end, picture.begin + shortest);
    return picture;
}

std::string bar_of(const Picture& picture, const Row& row, std::size_t width) {
    std::string bar(width, ' ');
    auto column = [&](double when) {
        return static_cast<std::size_t>(picture.place_of(when) * static_cast<double>(width));
    };
    for (std::size_t i = 0; i < row.stages.size(); ++i) {
        const StageLine& stage = row.stages[i];
        const std::size_t first = std::min(column(stage.began), width - 1);
        // A stage that is shorter than a column has one.
        const std::size_t last = std::max(column(picture.end_of(row, i)), first + 1);
        std::fill_n(bar.begin() + static_cast<std::ptrdiff_t>(first), last - first,
                    kind_of(stage.stage).mark);
        if (stage.failed) bar[last - 1] = 'x';
    }
    return bar;
}

}  // namespace

OrCause<std::vector<StageLine>> parse_report(std::string_view text) {
    std::vector<StageLine> lines;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view each = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(each.size() + 1, text.size()));
        if (trim(each).empty()) continue;
        auto line = each.size() > max_line_bytes
                        ? OrCause<StageLine>(
                              refuse(fmt::format("it has more than {} bytes", max_line_bytes)))
                        : parse_line(each);
        if (!line) return refuse(fmt::format("line {}: {}", number, line.error()));
        lines.push_back(std::move(*line));
    }
    return lines;
}

std::string draw_timeline(std::vector<StageLine> lines, std::size_t columns) {
    const Picture picture = arrange(std::move(lines));
    std::size_t label = 0;
    for (const auto& row : picture.rows) label = std::max(label, row.pod.size());
    constexpr std::size_t narrowest = 20;
    constexpr std::size_t frame = 3;
    const std::size_t width =
        columns > label + frame + narrowest ? columns - label - frame : narrowest;
    const std::string length = fmt::format("{:.2f}s", picture.end - picture.begin);
    std::string text = fmt::format("{:{}} 0s{:>{}}\n", "", label, length, width);
    for (const auto& row : picture.rows) {
        text += fmt::format("{:{}} |{}|\n", row.pod, label, bar_of(picture, row, width));
    }
    return text + fmt::format(
                      "{:{}}  . fluxpod's own work   ~ waits for its parent   "
                      "= broker or roll call   x failed\n",
                      "", label);
}

std::string draw_timeline_svg(std::vector<StageLine> lines) {
    constexpr double label = 200;  // pixels
    constexpr double width = 800;
    constexpr double height = 18;
    constexpr double margin = 16;
    const Picture picture = arrange(std::move(lines));
    std::string body;
    double top = margin;
    for (const auto& row : picture.rows) {
        body += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", margin, top + 13,
                            xml_escaped(row.pod));
        for (std::size_t i = 0; i < row.stages.size(); ++i) {
            const StageLine& stage = row.stages[i];
            const double left = picture.place_of(stage.began) * width;
            const double right = picture.place_of(picture.end_of(row, i)) * width;
            body += fmt::format(
                "<rect class=\"{}\" x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"14\">"
                "<title>{}: {:.3f} s{}{}</title></rect>\n",
                stage.failed ? "failed" : kind_of(stage.stage).css, label + left, top,
                std::max(right - left, 1.0), xml_escaped(stage.stage), stage.seconds,
                stage.detail.empty() ? "" : ", ", xml_escaped(stage.detail));
        }
        top += height;
    }
    const std::string length = fmt::format("{:.2f} s", picture.end - picture.begin);
    body += fmt::format("<text x=\"{}\" y=\"{}\">0 s</text>\n", label, top + 13);
    body += fmt::format("<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>\n", label + width,
                        top + 13, length);
    top += height;
    double left = label;
    for (const auto& [css, means] :
         {std::pair("own", "fluxpod's own work"), std::pair("waits", "waits for its parent"),
          std::pair("runs", "broker or roll call"), std::pair("failed", "failed")}) {
        body += fmt::format(
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"14\" height=\"14\"/>"
            "<text x=\"{}\" y=\"{}\">{}</text>\n",
            css, left, top + height / 2, left + 20, top + height / 2 + 12, means);
        left += label;
    }
    return svg_document(label + width + margin, top + 2 * height + margin,
                        ".end { text-anchor: end } .own { fill: #8a9199 } .waits { fill: #e0b23c } "
                        ".runs { fill: #1b7f4b } .failed { fill: #b3261e }",
                        body);
}

}  // namespace fluxpod
