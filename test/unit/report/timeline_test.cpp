// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/timeline.hpp"

#include <doctest/doctest.h>

#include "fluxpod/report/boot_report.hpp"
#include "temp_dir.hpp"

namespace fluxpod {
namespace {

StageLine stage_of(const std::string& pod, std::int64_t rank, const std::string& stage,
                   double began, double seconds) {
    return {.pod = pod,
            .rank = rank,
            .stage = stage,
            .failed = false,
            .began = 1000 + began,
            .seconds = seconds,
            .detail = ""};
}

const std::vector<StageLine> cluster = {
    stage_of("fp-1", 1, "plan", 0, 2),    stage_of("fp-1", 1, "gates", 2, 4),
    stage_of("fp-1", 1, "pin", 6, 1),     stage_of("fp-1", 1, "launch", 7, 0),
    stage_of("fp-0", 0, "plan", 1, 1),    stage_of("fp-0", 0, "launch", 2, 0),
    stage_of("fp-10", 10, "gates", 5, 5),
};

TEST_CASE("what a boot report writes is read back") {
    const test::TempDir dir;
    {
        auto report = BootReport::open(dir / "report");
        REQUIRE(report);
        report->set_pod("fp-1", 1);
        report->begin("gates");
        report->note("DNS \"1\" try");
        report->begin("launch");
        report->fail({.code = ExitCode::network,
                      .doing = "do",
                      .subject = "it",
                      .cause = "no",
                      .tried = "",
                      .hint = ""});
    }
    const auto lines = parse_report(dir.read("report"));
    REQUIRE(lines);
    REQUIRE(lines->size() == 2);
    CHECK(lines->front().pod == "fp-1");
    CHECK(lines->front().rank == 1);
    CHECK(lines->front().stage == "gates");
    CHECK(lines->front().detail == "DNS \"1\" try");
    CHECK_FALSE(lines->front().failed);
    CHECK(lines->back().failed);
    CHECK(lines->back().began >= lines->front().began);
}

TEST_CASE("an invalid report: refused with its line") {
    const std::string good = R"({"pod":"p","stage":"s","verdict":"ok","began":1,"seconds":2})";
    CHECK(parse_report("")->empty());
    CHECK(parse_report("\n\n" + good + "\n")->size() == 1);
    for (const std::string bad :
         {"x", "[]", "{}", R"({"pod":"p","stage":"s","verdict":"ok","seconds":2})",
          R"({"pod":"p","stage":"s","verdict":"ok","began":-1,"seconds":2})",
          R"({"pod":"p","stage":"s","verdict":"ok","began":1,"seconds":1e300})",
          R"({"pod":"p","stage":"s","verdict":"ok","began":"1","seconds":1})"}) {
        CAPTURE(bad);
        const auto lines = parse_report(good + "\n" + bad);
        REQUIRE_FALSE(lines);
        CHECK(lines.error().starts_with("line 2: "));
    }
}

TEST_CASE("a long name does not make every row long, and a long line is refused") {
    const std::string stage = R"(,"stage":"plan","verdict":"ok","began":1,"seconds":1})";
    const std::string name(60000, 'n');
    const auto lines =
        parse_report(R"({"pod":")" + name + "\"" + stage + "\n" + R"({"pod":"fp-0")" + stage);
    REQUIRE(lines);
    CHECK(draw_timeline(*lines, 100).size() < 2000);
    const auto refused = parse_report("\n" + std::string(70000, '[') + "\n");
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == "line 2: it has more than 65536 bytes");
}

TEST_CASE("pods are in the order of their ranks, and a broker goes on to the end") {
    CHECK(draw_timeline(cluster, 28) ==
          "      0s              10.00s\n"
          "fp-0  |  ..================|\n"
          "fp-1  |....~~~~~~~~..======|\n"
          "fp-10 |          ~~~~~~~~~~|\n"
          "       . fluxpod's own work   ~ waits for its parent   = broker or roll call   x "
          "failed\n");
}

TEST_CASE("a stage that failed ends with an x, and a rejoin is a second wait") {
    auto lines = cluster;
    lines[1].failed = true;
    lines.resize(2);
    lines.push_back(stage_of("fp-2", 2, "launch", 0, 0));
    lines.push_back(stage_of("fp-2", 2, "gates", 3, 1));
    lines.push_back(stage_of("fp-2", 2, "launch", 4, 0));
    const std::string drawn = draw_timeline(lines, 0);  // never narrower than 20
    CHECK(drawn.find("fp-1 |......~~~~~~~~~~~~~x|\n") != std::string::npos);
    CHECK(drawn.find("fp-2 |==========~~~=======|\n") != std::string::npos);
}

TEST_CASE("a moment is a picture too") {
    const std::string drawn = draw_timeline({stage_of("p", 0, "plan", 0, 0)}, 30);
    CHECK(drawn.find("|.") != std::string::npos);
    CHECK(draw_timeline({}, 30).find("0.00s") != std::string::npos);
}

TEST_CASE("a moment so late that a microsecond more is the same number: a picture too") {
    const auto lines =
        parse_report(R"({"stage":"plan","verdict":"ok","began":253402300799,"seconds":0})");
    REQUIRE(lines);
    CHECK(draw_timeline(*lines, 40).find("|.") != std::string::npos);
    CHECK(draw_timeline_svg(*lines).find("nan") == std::string::npos);
}

TEST_CASE("hostile names reach neither a terminal nor an SVG as what they are") {
    const auto lines = parse_report(
        R"({"pod":"\u001b[2J<b>&","rank":0,"stage":"s<","verdict":"ok","began":1,"seconds":2,"detail":"\"/>"})");
    REQUIRE(lines);
    CHECK(draw_timeline(*lines, 80).find('\x1b') == std::string::npos);
    const std::string svg = draw_timeline_svg(*lines);
    CHECK(svg.find("\\x1b[2J&lt;b&gt;&amp;</text>") != std::string::npos);
    CHECK(svg.find("<title>s&lt;: 2.000 s, &quot;/&gt;</title>") != std::string::npos);
}

TEST_CASE("the SVG has a box for each stage") {
    const std::string svg = draw_timeline_svg(cluster);
    CHECK(svg.find("<rect class=\"waits\" x=\"360.00\" y=\"34\" width=\"320.00\"") !=
          std::string::npos);
    CHECK(svg.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace fluxpod
