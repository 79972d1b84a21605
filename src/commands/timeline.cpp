// SPDX-License-Identifier: Apache-2.0
// fluxpod timeline: the boot reports of a cluster, drawn.
#include "fluxpod/report/timeline.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/commands/table.hpp"

namespace fluxpod {

namespace {

// Ten thousand pods with all their stages in one file.
constexpr std::size_t max_report_bytes = std::size_t{64} << 20U;

Result<std::vector<StageLine>> read_report(const std::string& path) {
    auto refuse = [&](ExitCode code, std::string cause) {
        return fail({.code = code,
                     .doing = "read the boot report",
                     .subject = path,
                     .cause = std::move(cause),
                     .hint = "name what run --report has written"});
    };
    auto text = read_file(path, max_report_bytes);
    if (!text) return refuse(ExitCode::files, text.error().cause);
    auto lines = parse_report(*text);
    if (!lines) return refuse(ExitCode::settings, lines.error());
    if (lines->empty()) return refuse(ExitCode::settings, "no stage is in it");
    return std::move(*lines);
}

std::size_t columns_of_the_terminal() {
    constexpr std::size_t most = 100;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return most;
    return std::min<std::size_t>(size.ws_col, most);
}

}  // namespace

Result<int> timeline_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    if (settings->operands.empty()) {
        return fail(usage_error("draw a timeline", "", "missing REPORT",
                                "name the files that run --report has written"));
    }
    std::vector<StageLine> lines;
    for (const auto& path : settings->operands) {
        auto more = read_report(path);
        if (!more) return fail(more.error());
        lines.insert(lines.end(), std::make_move_iterator(more->begin()),
                     std::make_move_iterator(more->end()));
    }
    if (settings->svg) return print(draw_timeline_svg(std::move(lines)));
    return print(draw_timeline(std::move(lines), columns_of_the_terminal()));
}

}  // namespace fluxpod
