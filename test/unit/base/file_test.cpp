// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "temp_dir.hpp"
#include "umask.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;
using fluxpod::test::Umask;
using namespace std::chrono_literals;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

mode_t mode_of(const std::string& path) {
    struct stat info {};
    REQUIRE(::lstat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
}

ino_t inode_of(const std::string& path) {
    struct stat info {};
    REQUIRE(::lstat(path.c_str(), &info) == 0);
    return info.st_ino;
}

}  // namespace

TEST_CASE("a descriptor is closed by its owner, once") {
    Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(fd.valid());
    const int number = fd.get();
    Fd moved(std::move(fd));
    CHECK(is_open(number));
    CHECK(moved.get() == number);
    moved.reset();
    CHECK_FALSE(is_open(number));
    CHECK_FALSE(moved.valid());
    moved.reset();
}

TEST_CASE("a descriptor that is replaced is closed, and one that is released is not") {
    Fd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Fd second(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int first_number = first.get();
    const int second_number = second.get();
    first = std::move(second);
    CHECK_FALSE(is_open(first_number));
    CHECK(first.get() == second_number);
    CHECK(first.release() == second_number);
    CHECK_FALSE(first.valid());
    CHECK(is_open(second_number));
    ::close(second_number);
}

TEST_CASE("a file is read whole, byte for byte") {
    const TempDir dir;
    const std::string bytes = std::string("a\0\n\xFF", 4) + std::string(100000, 'x');
    CHECK(read_file(dir.write("file", bytes)) == bytes);
    CHECK(read_file(dir.write("empty", "")) == "");
    CHECK_FALSE(read_file("/proc/self/stat")->empty());
}

TEST_CASE("a file of the limit is read, one of a byte more is a failure") {
    const TempDir dir;
    const auto path = dir.write("file", "12345");
    CHECK(read_file(path, 5) == "12345");
    const auto failure = read_file(path, 4);
    REQUIRE_FALSE(failure.has_value());
    CHECK(failure.error().error_number == EFBIG);
    CHECK(failure.error().cause == "larger than 4 bytes");
    CHECK(read_file("/dev/zero").error().error_number == EFBIG);
}

TEST_CASE("a missing file and a directory say what they are") {
    const TempDir dir;
    CHECK(read_file(dir / "absent").error().error_number == ENOENT);
    CHECK(read_file(dir / "absent").error().cause == "No such file or directory");
    CHECK(read_file(dir.path()).error().error_number == EISDIR);
}

TEST_CASE("a FIFO that nobody writes: a failure after the patience") {
    const TempDir dir;
    const std::string fifo = dir / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const auto failure = read_file(fifo, 100, 1ms);
    REQUIRE_FALSE(failure.has_value());
    CHECK(failure.error().error_number == ETIMEDOUT);
    CHECK(failure.error().cause == "nobody wrote to it within 0s");
}

TEST_CASE("a FIFO whose writer stops in the middle: a failure after the patience") {
    const TempDir dir;
    const std::string fifo = dir / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const Fd both_ends(::open(fifo.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    CHECK(read_file(fifo, 100, 1ms).error().error_number == ETIMEDOUT);
    REQUIRE(::write(both_ends.get(), "half", 4) == 4);
    CHECK(read_file(fifo, 100, 1ms).error().cause == "its writer was not done within 0s");
}

TEST_CASE("a FIFO whose writer comes late and writes slowly: read whole") {
    const TempDir dir;
    const std::string fifo = dir / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    std::thread writer([&fifo] {
        // Opens when the reader does, and then sees each piece taken before it writes the next.
        const Fd end(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
        for (const char* piece : {"one ", "two ", "three"}) {
            if (::write(end.get(), piece, std::strlen(piece)) <= 0) return;
            int left = 1;
            while (::ioctl(end.get(), FIONREAD, &left) == 0 && left > 0) ::sched_yield();
        }
    });
    CHECK(read_file(fifo) == "one two three");
    writer.join();
}

TEST_CASE("a pipe whose writer wrote nothing and left: an empty file") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const Fd reader(ends[0]);
    ::close(ends[1]);
    CHECK(read_file("/proc/self/fd/" + std::to_string(reader.get())) == "");
}

TEST_CASE("a signal that asks for the end: ends the wait for a writer") {
    const TempDir dir;
    const std::string fifo = dir / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, &term, nullptr) == 0);
    ::raise(SIGTERM);
    const auto failure = read_file(fifo);
    REQUIRE(::sigwaitinfo(&term, nullptr) == SIGTERM);  // it was not consumed
    REQUIRE(::pthread_sigmask(SIG_UNBLOCK, &term, nullptr) == 0);
    CHECK(failure.error().error_number == EINTR);
}

TEST_CASE("a link is followed by a read, since a mounted Secret is one") {
    const TempDir dir;
    dir.write("data", "x");
    std::filesystem::create_symlink("data", dir / "link");
    CHECK(read_file(dir / "link") == "x");
}

TEST_CASE("a file is written with its exact mode, whatever the umask") {
    const TempDir dir;
    for (const mode_t mask : {0000U, 0077U, 0777U}) {
        for (const mode_t mode : {0400U, 0600U, 0644U, 0666U, 0755U}) {
            const Umask umask(mask);
            const std::string name = std::to_string(mask) + "-" + std::to_string(mode);
            CHECK(write_file_atomically(dir / name, "bytes", mode) == WriteOutcome::written);
            CHECK(mode_of(dir / name) == mode);
            CHECK(dir.read(name) == "bytes");
        }
    }
}

TEST_CASE("a write replaces a file as a whole") {
    const TempDir dir;
    const auto path = dir.write("file", "a long old content");
    const Fd old(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    CHECK(write_file_atomically(path, "new", 0644) == WriteOutcome::written);
    CHECK(dir.read("file") == "new");
    CHECK(dir.count() == 1);
    std::string seen(64, '\0');  // who had it open still sees the old file
    seen.resize(static_cast<std::size_t>(::read(old.get(), seen.data(), seen.size())));
    CHECK(seen == "a long old content");
}

TEST_CASE("a file that is right already is left alone") {
    const TempDir dir;
    const std::string path = dir / "file";
    const std::string large(100000, 'x');
    for (const std::string& bytes : {std::string("bytes"), std::string(), large}) {
        REQUIRE(write_file_atomically(path, bytes, 0600) == WriteOutcome::written);
        const auto inode = inode_of(path);
        CHECK(write_file_atomically(path, bytes, 0600) == WriteOutcome::unchanged);
        CHECK(inode_of(path) == inode);
    }
}

TEST_CASE("another mode, length or byte is a change") {
    const TempDir dir;
    const std::string path = dir / "file";
    REQUIRE(write_file_atomically(path, "bytes", 0600) == WriteOutcome::written);
    CHECK(write_file_atomically(path, "bytes", 0640) == WriteOutcome::written);
    CHECK(mode_of(path) == 0640);
    CHECK(write_file_atomically(path, "byteS", 0640) == WriteOutcome::written);
    CHECK(write_file_atomically(path, "byte", 0640) == WriteOutcome::written);
    CHECK(write_file_atomically(path, "bytes and more", 0640) == WriteOutcome::written);
    CHECK(dir.read("file") == "bytes and more");
}

TEST_CASE("a symbolic link in the way is refused, wherever it leads") {
    const TempDir dir;
    dir.write("target", "untouched");
    for (const char* target : {"target", "absent", "link"}) {
        std::filesystem::remove(dir / "link");
        std::filesystem::create_symlink(target, dir / "link");
        const auto failure = write_file_atomically(dir / "link", "untouched", 0644);
        REQUIRE_FALSE(failure.has_value());
        CHECK(failure.error().error_number == ELOOP);
    }
    CHECK(dir.read("target") == "untouched");
    CHECK(dir.count() == 2);
}

TEST_CASE("a directory in the way is refused") {
    const TempDir dir;
    std::filesystem::create_directory(dir / "sub");
    CHECK(write_file_atomically(dir / "sub", "x", 0644).error().error_number == EISDIR);
    CHECK(dir.count() == 1);
}

TEST_CASE("a failed write leaves nothing behind") {
    const TempDir dir;
    CHECK(write_file_atomically(dir / "absent/file", "x", 0644).error().error_number == ENOENT);
    dir.write("file", "x");
    CHECK(write_file_atomically(dir / "file/below", "x", 0644).error().error_number == ENOTDIR);
    CHECK(write_file_atomically(dir / std::string(255, 'n'), "x", 0644).error().error_number ==
          ENAMETOOLONG);
    CHECK(write_file_atomically("", "x", 0644).has_value() == false);
    CHECK(dir.count() == 1);
}

TEST_CASE("a device, pipe or socket in the way: refused and left as it was") {
    const TempDir dir;
    struct Special {
        const char* name;
        mode_t kind;
        const char* word;
    };
    for (const auto& special :
         {Special{"pipe", S_IFIFO, "pipe"}, Special{"null", S_IFCHR, "device"},
          Special{"socket", S_IFSOCK, "socket"}}) {
        const auto& [name, kind, word] = special;
        CAPTURE(special.name);
        constexpr unsigned null_major = 1;
        constexpr unsigned null_minor = 3;
        const std::string path = dir / name;
        if (::mknod(path.c_str(), kind | 0600U, makedev(null_major, null_minor)) != 0) {
            MESSAGE("left out: this needs the right to make a device");
            continue;
        }
        const auto failure = write_file_atomically(path, "x", 0600);
        REQUIRE_FALSE(failure);
        CHECK(failure.error().error_number == EEXIST);
        CHECK(failure.error().cause.find(word) != std::string::npos);
        struct stat info {};
        REQUIRE(::lstat(path.c_str(), &info) == 0);
        CHECK((info.st_mode & S_IFMT) == kind);
    }
}

TEST_CASE(
    "drafts that killed writers left: removed by the next write, files with like names stay") {
    const TempDir dir;
    dir.write("file.fluxpod-0a1b2c", "half");
    dir.write("file.backup", "kept");
    dir.write("file.fluxpod-0a1b2c.txt", "kept");
    dir.write("other.fluxpod-0a1b2c", "kept");
    const Fd live(::open(dir.write("file.fluxpod-uuuuuu", "live").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(::flock(live.get(), LOCK_EX) == 0);
    CHECK(write_file_atomically(dir / "file", "whole", 0600) == WriteOutcome::written);
    CHECK_FALSE(std::filesystem::exists(dir / "file.fluxpod-0a1b2c"));
    CHECK(dir.read("file.fluxpod-uuuuuu") == "live");
    CHECK(dir.count() == 5);
}

TEST_CASE("a write below an open directory does not walk its path again") {
    const TempDir dir;
    std::filesystem::create_directory(dir / "old");
    const Fd below(::open((dir / "old").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(below.valid());
    std::filesystem::rename(dir / "old", dir / "new");
    CHECK(write_file_atomically_at(below.get(), "file", "x", 0600) == WriteOutcome::written);
    CHECK(dir.read("new/file") == "x");
    CHECK(write_file_atomically_at(below.get(), "file", "x", 0600) == WriteOutcome::unchanged);
}
