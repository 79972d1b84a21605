// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/file_gate.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "temp_dir.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;

namespace {

Attempt look_at(const std::string& path) {
    asio::io_context context;
    auto gate = make_file_gate(path);
    return run_task(context, gate->attempt(TimePoint::max()));
}

}  // namespace

TEST_CASE("a file gate opens for a file, a directory and a link to one") {
    const TempDir dir;
    dir.write("file", "");
    std::filesystem::create_symlink("file", dir / "link");
    CHECK(look_at(dir / "file").answer == Attempt::Answer::open);
    CHECK(look_at(dir / "link").answer == Attempt::Answer::open);
    CHECK(look_at(dir.path()).answer == Attempt::Answer::open);
}

TEST_CASE("a file gate stays shut for nothing, for a dangling link, and below a file") {
    const TempDir dir;
    dir.write("file", "");
    std::filesystem::create_symlink("nowhere", dir / "dangling");
    std::filesystem::create_symlink("loop", dir / "loop");
    for (const char* name : {"nothing", "dangling", "file/below", "loop", ""}) {
        const auto attempt = look_at(name[0] == '\0' ? "" : dir / name);
        CHECK(attempt.answer == Attempt::Answer::not_yet);
        CHECK_FALSE(attempt.why.empty());
    }
    CHECK(look_at(dir / "nothing").why == "No such file or directory");
}

TEST_CASE("a path that no file can have is never waited for") {
    CHECK(look_at("/" + std::string(300, 'x')).answer == Attempt::Answer::never);
}

TEST_CASE("a file gate tells its path and its exit code") {
    const auto gate = make_file_gate("/etc/ready");
    CHECK(gate->name() == "file");
    CHECK(gate->subject() == "/etc/ready");
    CHECK(gate->exit_code() == ExitCode::file_gate);
}

TEST_CASE("a file is noticed within a tenth of a second, however long it was waited for") {
    const auto pace = make_file_gate("/etc/ready")->pace();
    REQUIRE(pace);
    Backoff pause(*pace, 1);
    for (int looks = 0; looks < 1000; ++looks)
        CHECK(pause.next() <= std::chrono::milliseconds(100));
}
