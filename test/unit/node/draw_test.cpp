// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/draw.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "test_data.hpp"

namespace fluxpod {
namespace {

NodeMap map_of(const std::string& machine) {
    auto map = map_node(machine);
    REQUIRE_MESSAGE(map, (map ? "" : map.error().message()));
    return *map;
}

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

// Only these CPUs are the pod's.
NodeMap narrowed(NodeMap map, const Idset& cpus) {
    for (auto& block : map.blocks) {
        for (auto& core : block.cores) {
            Idset ours;
            for (const auto& range : core.ours.ranges()) {
                for (auto cpu = range.first; cpu <= range.last; ++cpu) {
                    if (cpus.contains(cpu)) ours.insert(cpu);
                }
            }
            core.ours = std::move(ours);
        }
    }
    return map;
}

TEST_CASE("the text has a group for each core and a mark for each CPU") {
    const auto map = narrowed(map_of("package:2 [numa] core:4 pu:2"), Idset::range(6, 9));
    CHECK(draw_as_text(map) ==
          "package 0, NUMA node 0\n"
          "    .. .. .. ##\n"
          "package 1, NUMA node 1\n"
          "    ## .. .. ..\n"
          "    # counted for this pod   . not counted\n");
}

TEST_CASE("a pod's cpuset is its share of the drawing") {
    const std::string text = draw_as_text(map_of(test_data("hwloc/arm.xml")));
    CHECK(text.find(". . . . # # # # . . . . . . . .\n") != std::string::npos);
}

TEST_CASE("many cores go on in the next line") {
    const std::string text = draw_as_text(map_of("package:1 core:512 pu:1"));
    CHECK(count(text, "#") == 512 + 1);
    std::size_t longest = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        longest = std::max(longest, end - begin);
        begin = end + 1;
    }
    CHECK(longest <= 80);
}

TEST_CASE("the SVG has a cell for each CPU, the share in its own colour") {
    const auto map = narrowed(map_of("package:2 core:4 pu:2"), Idset::range(0, 3));
    const std::string svg = draw_as_svg(map);
    CHECK(svg.starts_with("<svg xmlns="));
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(count(svg, "<title>CPU ") == 16);
    CHECK(count(svg, "class=\"ours\"") == 4 + 1);  // and the legend
    CHECK(count(svg, "class=\"other\"") == 12 + 1);
    CHECK(svg == draw_as_svg(map));
}

TEST_CASE("hybrid cores: drawn with their kind") {
    const auto map = map_of(test_data("hwloc/hybrid.xml"));
    CHECK(map.kinds == 2);
    CHECK(count(draw_as_svg(map), ", kind 1</title>") == 4);
}

TEST_CASE("Flux's GPUs are counted once for each device, and partitions by themselves") {
    const auto map = map_of(test_data("hwloc/gpus.xml"));
    CHECK(map.gpus ==
          std::vector<std::string>{"cuda0 (CUDA)", "cuda1 (CUDA)", "rsmi0 (RSMI)", "rsmi1 (RSMI)"});
}

}  // namespace
}  // namespace fluxpod
