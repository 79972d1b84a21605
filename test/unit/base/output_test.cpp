// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "temp_dir.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;

namespace {

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{-1, -1};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        read_end = Fd(ends[0]);
        write_end = Fd(ends[1]);
    }
    Fd read_end, write_end;

    [[nodiscard]] std::string take(std::size_t most) const {
        std::string bytes(most, '\0');
        const ssize_t count = ::read(read_end.get(), bytes.data(), most);
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return bytes;
    }
};

}  // namespace

TEST_CASE("output to a file: all of it, in order") {
    const TempDir dir;
    std::string bytes;
    for (int i = 0; i < 20000; ++i) bytes += std::to_string(i);
    const Fd fd(::open(dir.write("file", "").c_str(), O_WRONLY | O_CLOEXEC));
    CHECK(write_output(fd.get(), bytes, [] { return true; }));
    CHECK(dir.read("file") == bytes);
}

TEST_CASE("output to a full pipe: given up when asked, continued when the reader reads") {
    const Pipe pipe;
    const std::string bytes(std::size_t{1} << 20U, 'x');
    auto given_up = write_output(pipe.write_end.get(), bytes, [] { return false; });
    REQUIRE_FALSE(given_up);
    CHECK(given_up.error().error_number == ETIMEDOUT);

    std::size_t taken = 0;
    int questions = 0;
    auto read_a_part = [&] {
        ++questions;
        taken += pipe.take(65536).size();
        return true;
    };
    CHECK(write_output(pipe.write_end.get(), bytes.substr(0, 200000), read_a_part));
    CHECK(questions > 0);
    CHECK(taken > 0);
}

TEST_CASE("output to a reader that has left, or to no descriptor: the errno") {
    Pipe pipe;
    pipe.read_end.reset();
    void (*const before)(int) = std::signal(SIGPIPE, SIG_IGN);
    auto broken = write_output(pipe.write_end.get(), "x", [] { return true; });
    (void)std::signal(SIGPIPE, before);
    REQUIRE_FALSE(broken);
    CHECK(broken.error().error_number == EPIPE);
    auto closed = write_output(-1, "x", [] { return false; });
    REQUIRE_FALSE(closed);
}
