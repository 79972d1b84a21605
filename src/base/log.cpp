// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <chrono>
#include <memory>

#include "fluxpod/base/text.hpp"

namespace fluxpod::log {

namespace {

struct State {
    LogFormat format = LogFormat::text;
    LogLevel least = LogLevel::info;
    std::string pod;
    // One thread logs: the single-threaded sink needs no lock and starts no thread.
    spdlog::logger logger{"fluxpod", std::make_shared<spdlog::sinks::stderr_sink_st>()};
    State() {
        logger.set_pattern("%v");
        logger.set_level(spdlog::level::trace);
        logger.flush_on(spdlog::level::trace);
        // A full or closed stderr must not end a boot.
        logger.set_error_handler([](const std::string&) {});
    }
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

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::off: return spdlog::level::off;
    }
    return spdlog::level::off;
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

}  // namespace

void configure(LogLevel least, LogFormat format) {
    state().least = least;
    state().format = format;
}

void set_pod(std::string_view hostname) { state().pod = printable(hostname); }

bool enabled(LogLevel level) { return level >= state().least && level != LogLevel::off; }

void write(LogLevel level, std::string_view message) {
    if (!enabled(level)) return;
    std::string safe = printable(message);
    state().logger.log(spdlog_level(level), state().format == LogFormat::json
                                                ? as_json(level, safe)
                                                : as_text(level, safe));
}

}  // namespace fluxpod::log
