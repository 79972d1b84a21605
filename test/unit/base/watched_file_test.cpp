// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/watched_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "temp_dir.hpp"

using fluxpod::WatchedFile;
using fluxpod::test::TempDir;

namespace {

// So that the file is older than the second in which any change may go unseen.
void make_old(const std::string& path) {
    const std::array<timespec, 2> long_ago{timespec{1000, 0}, timespec{1000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), long_ago.data(), 0) == 0);
}

std::string all_of(const WatchedFile& file) {
    std::string text;
    REQUIRE(file.read_lines([&text](std::string_view lines) { text += lines; }));
    return text;
}

}  // namespace

TEST_CASE("a file that was never looked at: changed") {
    const TempDir dir;
    CHECK(WatchedFile(dir.write("file", "text")).changed());
    CHECK(WatchedFile("/proc/self/no-such-file").changed());
}

TEST_CASE("a missing file: changes when it appears, and when it goes") {
    const TempDir dir;
    WatchedFile file(dir / "file");
    CHECK(file.changed());
    CHECK_FALSE(file.changed());
    dir.write("file", "");
    CHECK(file.changed());
    std::filesystem::remove(dir / "file");
    CHECK(file.changed());
    CHECK_FALSE(file.changed());
}

TEST_CASE("a file of now: changed, since its next write may have the same time stamp") {
    const TempDir dir;
    WatchedFile file(dir.write("file", "one"));
    CHECK(file.changed());
    CHECK(file.changed());
}

TEST_CASE("a file of any length is handed on whole, in whole lines") {
    const TempDir dir;
    std::string text;
    while (text.size() < (std::size_t{3} << 20U)) {
        text += "10.0.0.1 host-" + std::to_string(text.size()) + "\n";
    }
    text += "a last line without its end";
    const WatchedFile file(dir.write("file", text));
    std::size_t largest = 0;
    bool whole = true;
    REQUIRE(file.read_lines([&](std::string_view lines) {
        largest = std::max(largest, lines.size());
        whole = whole && (lines.ends_with('\n') || lines.ends_with("end"));
    }));
    CHECK(whole);
    CHECK(largest < 2 * WatchedFile::max_in_line);
    CHECK(all_of(file) == text);
}

TEST_CASE("a line that is too long: left out, and the lines around it stay") {
    const TempDir dir;
    const std::string endless(5 * WatchedFile::max_in_line, 'x');
    CHECK(all_of(WatchedFile(dir.write("file", "a\n" + endless + "\nb\n"))) == "a\nb\n");
    CHECK(all_of(WatchedFile(dir.write("file", "a\n" + endless))) == "a\n");
}

TEST_CASE("what is not a file, or has no end: an error") {
    const TempDir dir;
    const auto errno_of = [](const std::string& path) {
        const auto read = WatchedFile(path).read_lines([](std::string_view) {});
        return read ? 0 : read.error().error_number;
    };
    CHECK(errno_of(dir / "missing") == ENOENT);
    CHECK(errno_of(dir.path()) == EISDIR);
    CHECK(errno_of("/dev/zero") == EFBIG);
}

TEST_CASE("an old file: changed once, then again for each write") {
    const TempDir dir;
    const auto path = dir.write("file", "one");
    make_old(path);
    WatchedFile file(path);
    CHECK(file.changed());
    dir.write("file", "two");
    CHECK(file.changed());
}
