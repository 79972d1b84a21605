// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <string>
#include <vector>

#include "fluxpod/base/file.hpp"

using namespace fluxpod;

namespace {

// Receives what is written to stderr, each write as one packet, while it lives; then the log is as
// it was.
class LogReader {
  public:
    LogReader() : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)) {
        std::array<int, 2> ends{-1, -1};
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
        reader_ = Fd(ends[0]);
        const Fd writer(ends[1]);
        REQUIRE(::dup2(writer.get(), STDERR_FILENO) == STDERR_FILENO);
    }
    LogReader(const LogReader&) = delete;
    LogReader& operator=(const LogReader&) = delete;
    ~LogReader() {
        ::dup2(saved_.get(), STDERR_FILENO);
        log::configure(LogLevel::info, LogFormat::text);
        log::set_pod("");
    }

    [[nodiscard]] std::vector<std::string> writes() const {
        std::vector<std::string> packets;
        std::string buffer(1U << 16U, '\0');
        while (true) {
            const auto count = ::recv(reader_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (count <= 0) return packets;
            packets.emplace_back(buffer, 0, static_cast<std::size_t>(count));
        }
    }

  private:
    Fd saved_, reader_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a text line: the pod, the level and the message, in one write") {
    const LogReader reader;
    log::configure(LogLevel::debug, LogFormat::text);
    log::info("no pod yet");
    log::set_pod("fp-1");
    log::debug("try {}", 2);
    log::info("up");
    log::warning("odd");
    log::error("over");
    CHECK(reader.writes() == Lines{"fluxpod: info: no pod yet\n", "fluxpod[fp-1]: debug: try 2\n",
                                   "fluxpod[fp-1]: info: up\n", "fluxpod[fp-1]: warning: odd\n",
                                   "fluxpod[fp-1]: error: over\n"});
}

TEST_CASE("a level below the lowest one: not logged") {
    const LogReader reader;
    log::configure(LogLevel::warning, LogFormat::text);
    log::info("up");
    log::warning("odd");
    CHECK_FALSE(log::enabled(LogLevel::info));
    CHECK(log::enabled(LogLevel::error));
    log::configure(LogLevel::off, LogFormat::text);
    log::error("over");
    CHECK_FALSE(log::enabled(LogLevel::error));
    CHECK_FALSE(log::enabled(LogLevel::off));
    CHECK(reader.writes() == Lines{"fluxpod: warning: odd\n"});
}

TEST_CASE("what looks like a pattern or a format in a message or pod: stays as it is") {
    const LogReader reader;
    log::set_pod("50%v");
    log::write(LogLevel::info, "{} %v %% {0}");
    log::configure(LogLevel::info, LogFormat::json);
    log::write(LogLevel::info, "{} %v");
    const auto lines = reader.writes();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == "fluxpod[50%v]: info: {} %v %% {0}\n");
    const auto json = boost::json::parse(lines[1]);
    CHECK(json.at("pod").as_string() == "50%v");
    CHECK(json.at("message").as_string() == "{} %v");
}

TEST_CASE("control characters in a message or pod: printed as escapes, in one line") {
    const LogReader reader;
    log::set_pod("fp\n\033[31m");
    log::write(LogLevel::info, std::string_view("a\nfluxpod: error: forged\0\033", 26));
    CHECK(reader.writes() ==
          Lines{"fluxpod[fp\\x0a\\x1b[31m]: info: a\\x0afluxpod: error: forged\\x00\\x1b\n"});
}

TEST_CASE("a JSON line: time in UTC, level, pod and message, each escaped") {
    const LogReader reader;
    log::configure(LogLevel::info, LogFormat::json);
    log::set_pod(R"(fp"\1)");
    log::warning("{}", "say \"\\\" \t \xff \xc3\xa4");
    log::set_pod("");
    log::info("up");
    const auto lines = reader.writes();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find('\n') == lines[0].size() - 1);
    const auto json = boost::json::parse(lines[0]).as_object();
    CHECK(json.size() == 4);
    CHECK(json.at("level").as_string() == "warning");
    CHECK(json.at("pod").as_string() == R"(fp"\1)");
    CHECK(json.at("message").as_string() == "say \"\\\" \\x09 \\xff \xc3\xa4");
    const std::string time(json.at("time").as_string());
    REQUIRE(time.size() == 24);
    for (std::size_t i = 0; i < time.size(); ++i) {
        constexpr std::string_view shape = "0000-00-00T00:00:00.000Z";
        CHECK((shape[i] == '0' ? time[i] >= '0' && time[i] <= '9' : time[i] == shape[i]));
    }
    CHECK(boost::json::parse(lines[1]).at("pod").as_string().empty());
}

TEST_CASE("stderr is closed: a line is lost, and later ones come") {
    const LogReader reader;
    const Fd open(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10));
    ::close(STDERR_FILENO);
    log::info("lost");
    REQUIRE(::dup2(open.get(), STDERR_FILENO) == STDERR_FILENO);
    log::info("up");
    CHECK(reader.writes() == Lines{"fluxpod: info: up\n"});
}
