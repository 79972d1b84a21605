// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/draw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "fluxpod/formats/svg.hpp"

namespace fluxpod {

namespace {

std::vector<std::uint32_t> ids_of(const Idset& set) {
    std::vector<std::uint32_t> ids;
    for (const auto& range : set.ranges()) {
        for (std::uint32_t id = range.first; id <= range.last; ++id) ids.push_back(id);
    }
    return ids;
}

std::string name_of(const NodeMap::Block& block) {
    return fmt::format("package {}{}", block.package,
                       block.numa.empty() ? "" : ", NUMA node " + block.numa);
}

std::string marks_of(const NodeMap::Core& core) {
    std::string marks;
    for (const auto cpu : ids_of(core.cpus)) marks += core.ours.contains(cpu) ? '#' : '.';
    return marks;
}

// ---- SVG: a box for each core, a cell for each of its CPUs --------------------------------------

constexpr std::size_t cores_in_row = 16;
constexpr std::size_t cell = 14;  // pixels
constexpr std::size_t gap = 6;
constexpr std::size_t margin = 16;
constexpr std::size_t line = 22;

std::size_t widest_core(const NodeMap& map) {
    std::size_t widest = 1;
    for (const auto& block : map.blocks) {
        for (const auto& core : block.cores) {
            widest = std::max<std::size_t>(widest, core.cpus.count());
        }
    }
    return widest;
}

std::string draw_core(const NodeMap::Core& core, std::size_t left, std::size_t top) {
    std::string text;
    for (const auto cpu : ids_of(core.cpus)) {
        text += fmt::format(
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">"
            "<title>CPU {}{}</title></rect>\n",
            core.ours.contains(cpu) ? "ours" : "other", left, top, cell - 1, cell, cpu,
            core.kind > 0 ? fmt::format(", kind {}", core.kind) : "");
        left += cell;
    }
    return text;
}

}  // namespace

std::string draw_as_text(const NodeMap& map) {
    constexpr std::size_t max_columns = 72;
    std::string text;
    for (const auto& block : map.blocks) {
        text += name_of(block) + "\n";
        std::string row;
        for (const auto& core : block.cores) {
            const std::string marks = marks_of(core);
            if (!row.empty() && row.size() + 1 + marks.size() > max_columns) {
                text += "   " + row + "\n";
                row.clear();
            }
            row += " " + marks;
        }
        text += "   " + row + "\n";
    }
    return text + "    # counted for this pod   . not counted\n";
}

std::string draw_as_svg(const NodeMap& map) {
    const std::size_t core_width = widest_core(map) * cell + gap;
    std::string body;
    std::size_t top = margin;
    for (const auto& block : map.blocks) {
        body +=
            fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", margin, top + 12, name_of(block));
        top += line;
        for (std::size_t i = 0; i < block.cores.size(); ++i) {
            const std::size_t row = i / cores_in_row;
            body += draw_core(block.cores[i], margin + i % cores_in_row * core_width,
                              top + row * (cell + gap));
        }
        top += (block.cores.size() + cores_in_row - 1) / cores_in_row * (cell + gap) + gap;
    }
    body += fmt::format(
        "<rect class=\"ours\" x=\"{0}\" y=\"{1}\" width=\"13\" height=\"14\"/>"
        "<text x=\"{2}\" y=\"{3}\">counted for this pod</text>\n"
        "<rect class=\"other\" x=\"{4}\" y=\"{1}\" width=\"13\" height=\"14\"/>"
        "<text x=\"{5}\" y=\"{3}\">not counted</text>\n",
        margin, top, margin + 20, top + 12, margin + 180, margin + 200);
    const std::size_t width = std::max<std::size_t>(320, 2 * margin + cores_in_row * core_width);
    return svg_document(static_cast<double>(width), static_cast<double>(top + line + margin),
                        ".ours { fill: #1b7f4b } .other { fill: #d5d9dd }", body);
}

}  // namespace fluxpod
