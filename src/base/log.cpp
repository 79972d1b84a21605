// SPDX-License-Identifier: Apache-2.0
// The only file that includes spdlog.
#include "fluxpod/base/log.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cerrno>
#include <memory>

#include "fluxpod/base/output.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod::log {

namespace {

// Writes to stderr, one write a line. A stderr that is full or closed must neither end nor hold up
// a boot: a line is lost if nobody reads for a second, further ones after a tenth of it, until
// there is room again. One thread logs, so there is nothing to lock.
class StderrSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (const std::size_t lost = lost_; lost > 0) {
            const auto text = fmt::format("{} log lines were lost, since nobody read stderr", lost);
            write_line({message.logger_name, spdlog::level::warn, text});
            if (lost_ > lost) return;
            lost_ = 0;
        }
        write_line(message);
    }

    void flush_() override {}

    void write_line(const spdlog::details::log_msg& message) {
        constexpr int max_questions = 10;
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        int questions = 0;
        const bool was_full = lost_ > 0;
        auto written = write_output(STDERR_FILENO, {line.data(), line.size()},
                                    [&] { return !was_full && ++questions < max_questions; });
        if (!written && written.error().error_number == ETIMEDOUT) ++lost_;
    }

    std::size_t lost_ = 0;  // lines, since stderr is full
};

std::string json_quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string(text));
}

// The flag %j of a pattern: the message as a string of JSON.
class JsonMessage final : public spdlog::custom_flag_formatter {
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
                spdlog::memory_buf_t& line) override {
        const auto quoted = json_quoted({message.payload.data(), message.payload.size()});
        line.append(quoted.data(), quoted.data() + quoted.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JsonMessage>();
    }
};

// As part of a pattern.
std::string verbatim(std::string_view text) {
    std::string pattern;
    for (char c : text) pattern += c == '%' ? std::string("%%") : std::string(1, c);
    return pattern;
}

std::string pattern_of(LogFormat format, const std::string& pod) {
    if (format == LogFormat::text) {
        return "fluxpod" + (pod.empty() ? "" : "[" + verbatim(pod) + "]") + ": %l: %v";
    }
    return R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","pod":)" + verbatim(json_quoted(pod)) +
           R"(,"message":%j})";
}

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::off: return spdlog::level::off;
    }
    return spdlog::level::off;
}

// Without spdlog's registry: there is one logger.
struct State {
    LogFormat format = LogFormat::text;
    std::string pod;
    spdlog::logger logger{"fluxpod", std::make_shared<StderrSink>()};

    State() {
        // spdlog's own handler would write about a failure to the same stderr.
        logger.set_error_handler([](const std::string&) {});
        set_pattern();
    }

    void set_pattern() {
        spdlog::pattern_formatter::custom_flags flags;
        flags['j'] = std::make_unique<JsonMessage>();
        logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(
            pattern_of(format, pod), spdlog::pattern_time_type::utc, "\n", std::move(flags)));
    }
};

// Made when the first line or setting comes, so that --version starts without it.
State& state() {
    static State the_state;
    return the_state;
}

}  // namespace

void configure(LogLevel least, LogFormat format) {
    state().format = format;
    state().logger.set_level(level_of(least));
    state().set_pattern();
}

void set_pod(std::string_view hostname) {
    state().pod = printable(hostname);
    state().set_pattern();
}

bool enabled(LogLevel level) {
    return level != LogLevel::off && state().logger.should_log(level_of(level));
}

void write(LogLevel level, std::string_view message) {
    if (!enabled(level)) return;
    const std::string safe = printable(message);
    state().logger.log(level_of(level), spdlog::string_view_t(safe.data(), safe.size()));
}

}  // namespace fluxpod::log
