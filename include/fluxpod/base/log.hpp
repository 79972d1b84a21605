// SPDX-License-Identifier: Apache-2.0
// The log goes to stderr, one line an event. stdout belongs to the commands' results.
//
//   error    this process cannot go on; printed once, by main
//   warning  it goes on, but somebody should look
//   info     the story of a boot: one line a stage, and each change of an answer waited for
//   debug    every try, every decision
//
// Text:  fluxpod[flux-sample-1]: info: parent flux-sample-0 answers after 312ms
// JSON:  {"time":"2026-01-02T03:04:05.678Z","level":"info","pod":"flux-sample-1","message":"..."}
// Messages pass through printable(), so hostile input cannot forge a line. Secrets are of a
// type that has no formatter (base/secret.hpp).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace fluxpod {

enum class LogLevel { debug, info, warning, error, off };
enum class LogFormat { text, json };

namespace log {

// May be called again as more is known (the pod's name comes with the identity).
void configure(LogLevel least, LogFormat format);
void set_pod(std::string_view hostname);
void write(LogLevel level, std::string_view message);
[[nodiscard]] bool enabled(LogLevel level);

template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::debug))
        write(LogLevel::debug, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::info))
        write(LogLevel::info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::warning))
        write(LogLevel::warning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::error))
        write(LogLevel::error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace log
}  // namespace fluxpod
