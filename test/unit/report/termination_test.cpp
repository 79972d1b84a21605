// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/termination.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "temp_dir.hpp"

namespace fluxpod {
namespace {

using test::TempDir;

Error error_saying(std::string cause) {
    return {.code = ExitCode::dns,
            .doing = "wait",
            .subject = "",
            .cause = std::move(cause),
            .tried = "",
            .hint = ""};
}

TEST_CASE("the file is overwritten in place, since the kubelet mounted it") {
    TempDir dir;
    const std::string path = dir.write("log", std::string(500, 'o'));
    struct stat before {};
    struct stat after {};
    REQUIRE(::stat(path.c_str(), &before) == 0);
    write_termination_message(path, error_saying("no answer"));
    REQUIRE(::stat(path.c_str(), &after) == 0);
    CHECK(dir.read("log") == "cannot wait: no answer");
    CHECK(before.st_ino == after.st_ino);
}

TEST_CASE("no file yet: none is made") {
    TempDir dir;
    write_termination_message(dir / "log", error_saying("x"));
    write_termination_message("", error_saying("x"));
    CHECK(dir.count() == 0);
}

TEST_CASE("at most 4096 bytes are written, and no half character") {
    TempDir dir;
    const std::string path = dir.write("log", "");
    write_termination_message(path, error_saying(std::string(5000, 'x')));
    CHECK(dir.read("log").size() == 4096);

    // "cannot wait: " has 13 bytes and "ä" two, so that the 4096th byte is the first of a pair.
    std::string umlauts;
    for (int i = 0; i < 3000; ++i) umlauts += "\xc3\xa4";
    write_termination_message(path, error_saying(umlauts));
    CHECK(dir.read("log").size() == 4095);
    write_termination_message(path, error_saying("x" + umlauts));
    CHECK(dir.read("log").size() == 4096);
}

TEST_CASE("a link, a directory or a FIFO is left alone") {
    TempDir dir;
    dir.write("victim", "untouched");
    std::filesystem::create_symlink(dir / "victim", dir / "link");
    write_termination_message(dir / "link", error_saying("x"));
    CHECK(dir.read("victim") == "untouched");

    write_termination_message(dir.path(), error_saying("x"));
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
    write_termination_message(dir / "fifo", error_saying("x"));
}

}  // namespace
}  // namespace fluxpod
