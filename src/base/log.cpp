// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/log.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cerrno>
#include <chrono>

#include "fluxpod/base/output.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod::log {

namespace {

struct State {
    LogFormat format = LogFormat::text;
    LogLevel least = LogLevel::info;
    std::string pod;
    std::size_t lost = 0;  // lines, since stderr is full
};

State& state() {
    static State the_state;
    return the_state;
}

std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warning: return "warning";
        case LogLevel::error: return "error";
        case LogLevel::off: return "off";
    }
    return "";
}

std::string as_text(LogLevel level, std::string_view message) {
    std::string pod = state().pod.empty() ? "" : "[" + state().pod + "]";
    return fmt::format("fluxpod{}: {}: {}", pod, name_of(level), message);
}

std::string as_json(LogLevel level, std::string_view message) {
    auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    auto millis = now.time_since_epoch().count() % 1000;
    auto quoted = [](std::string_view text) {
        return boost::json::serialize(boost::json::string(text));
    };
    return fmt::format(
        R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","pod":{},"message":{}}})",
        fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis, name_of(level),
        quoted(state().pod), quoted(message));
}

std::string line_of(LogLevel level, std::string_view message) {
    const std::string safe = printable(message);
    return (state().format == LogFormat::json ? as_json(level, safe) : as_text(level, safe)) + '\n';
}

// A stderr that is full or closed must neither end nor hold up a boot: a line is lost if nobody
// reads for a second, further ones after a tenth of it, until there is room again.
void write_line(const std::string& line) {
    constexpr int max_questions = 10;
    int questions = 0;
    const bool was_full = state().lost > 0;
    auto written =
        write_output(STDERR_FILENO, line, [&] { return !was_full && ++questions < max_questions; });
    if (!written && written.error().error_number == ETIMEDOUT) ++state().lost;
}

}  // namespace

void configure(LogLevel least, LogFormat format) {
    state().least = least;
    state().format = format;
}

void set_pod(std::string_view hostname) { state().pod = printable(hostname); }

bool enabled(LogLevel level) { return level >= state().least && level != LogLevel::off; }

void write(LogLevel level, std::string_view message) {
    if (!enabled(level)) return;
    if (const std::size_t lost = state().lost; lost > 0) {
        write_line(line_of(LogLevel::warning,
                           fmt::format("{} log lines were lost, since nobody read stderr", lost)));
        if (state().lost > lost) return;
        state().lost = 0;
    }
    write_line(line_of(level, message));
}

}  // namespace fluxpod::log
