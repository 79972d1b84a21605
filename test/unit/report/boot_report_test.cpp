// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/boot_report.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <ctime>
#include <string>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "temp_dir.hpp"

namespace fluxpod {
namespace {

using test::TempDir;

BootReport opened(const std::string& path) {
    auto report = BootReport::open(path);
    REQUIRE(report);
    return std::move(*report);
}

std::vector<boost::json::value> lines_of(const TempDir& dir) {
    const std::string text = dir.read("report");
    REQUIRE((text.empty() || text.back() == '\n'));
    std::vector<boost::json::value> lines;
    for (const auto& line : split(text, '\n')) {
        if (!line.empty()) lines.push_back(boost::json::parse(line));
    }
    return lines;
}

TEST_CASE("each stage is a line as soon as the next begins") {
    TempDir dir;
    BootReport report = opened(dir / "report");
    report.begin("identity");
    report.set_pod("fp-1", 1);
    CHECK(lines_of(dir).empty());
    report.begin("gates");
    REQUIRE(lines_of(dir).size() == 1);
    report.note("tcp 3 tries");
    report.end();

    const auto lines = lines_of(dir);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].at("stage").as_string() == "identity");
    CHECK(lines[0].at("verdict").as_string() == "ok");
    CHECK(lines[0].at("detail").as_string().empty());
    CHECK(lines[1].at("pod").as_string() == "fp-1");
    CHECK(lines[1].at("rank").as_int64() == 1);
    CHECK(lines[1].at("stage").as_string() == "gates");
    CHECK(lines[1].at("detail").as_string() == "tcp 3 tries");
    CHECK_FALSE(lines[1].as_object().contains("code"));
}

TEST_CASE("times are plausible: began is the wall clock, seconds are not negative") {
    TempDir dir;
    const auto before = static_cast<double>(std::time(nullptr));
    BootReport report = opened(dir / "report");
    report.begin("files");
    report.end();
    const auto line = lines_of(dir).at(0);
    CHECK(line.at("began").as_double() >= before);
    CHECK(line.at("began").as_double() < before + 3600);
    CHECK(line.at("seconds").as_double() >= 0);
    CHECK(dir.read("report").find('e' + std::string("+")) == std::string::npos);
}

TEST_CASE("an error ends the stage with its text and its exit code") {
    TempDir dir;
    BootReport report = opened(dir / "report");
    report.begin("plan");
    report.fail({.code = ExitCode::certificate,
                 .doing = "read",
                 .subject = "x",
                 .cause = "no",
                 .tried = "",
                 .hint = ""});
    const auto line = lines_of(dir).at(0);
    CHECK(line.at("verdict").as_string() == "failed");
    CHECK(line.at("code").as_int64() == 14);
    CHECK(line.at("detail").as_string() == "cannot read x: no");
    CHECK(line.at("rank").is_null());
}

TEST_CASE("ending twice, or without a stage, writes nothing") {
    TempDir dir;
    BootReport report = opened(dir / "report");
    report.end();
    report.begin("files");
    report.end();
    report.end();
    CHECK(lines_of(dir).size() == 1);
}

TEST_CASE("hostile text stays one line of JSON") {
    TempDir dir;
    BootReport report = opened(dir / "report");
    report.set_pod("fp\"\n{}", 0);
    report.begin("ga\\tes");
    report.note("\xff\x1b[31m\n{\"pod\":\"forged\"}");
    report.end();
    const auto lines = lines_of(dir);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].at("stage").as_string() == "ga\\tes");
}

TEST_CASE("lines that are there already are kept") {
    TempDir dir;
    dir.write("report", "{\"pod\":\"fp-0\"}\n");
    BootReport report = opened(dir / "report");
    report.begin("files");
    report.end();
    CHECK(lines_of(dir).size() == 2);
}

TEST_CASE("two pods may share a file") {
    TempDir dir;
    BootReport one = opened(dir / "report");
    BootReport two = opened(dir / "report");
    for (int i = 0; i < 50; ++i) {
        one.begin("gates");
        two.begin("gates");
    }
    CHECK(lines_of(dir).size() == 98);
}

TEST_CASE("without a path nothing is reported, and nothing fails") {
    BootReport report = opened("");
    report.begin("files");
    report.note("x");
    report.end();
    report.begin("gates");
    report.fail(Error{});
}

TEST_CASE("a path that cannot be written is error 13 and names it") {
    TempDir dir;
    for (const std::string& path : {dir / "missing/report", dir.path().string()}) {
        auto report = BootReport::open(path);
        REQUIRE_FALSE(report);
        CHECK(report.error().code == ExitCode::files);
        CHECK(report.error().subject == path);
    }
}

TEST_CASE("a FIFO that nobody reads is refused at once") {
    TempDir dir;
    REQUIRE(::mkfifo((dir / "report").c_str(), 0600) == 0);
    CHECK_FALSE(BootReport::open(dir / "report"));
}

TEST_CASE("a disk that fills up ends the report and not the boot") {
    BootReport report = opened("/dev/full");
    report.begin("files");
    report.begin("gates");
    report.end();
}

}  // namespace
}  // namespace fluxpod
