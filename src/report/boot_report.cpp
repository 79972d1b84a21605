// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/boot_report.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cerrno>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

double seconds_of(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

std::string quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string(printable(text)));
}

}  // namespace

Result<BootReport> BootReport::open(const std::string& path) {
    if (path.empty()) return BootReport(Fd());
    // Opened without blocking: a FIFO that nobody reads must not hold up the boot.
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    Fd file(::open(path.c_str(), flags, 0644));
    if (file.valid()) return BootReport(std::move(file));
    return fluxpod::fail({.code = ExitCode::files,
                          .doing = "open the boot report",
                          .subject = path,
                          .cause = describe_errno(errno),
                          .hint = "name a file in a directory that is there and writable, or leave "
                                  "--report out"});
}

void BootReport::set_pod(std::string_view hostname, std::uint32_t rank) {
    state_.pod = hostname;
    state_.rank = rank;
}

void BootReport::keep_state(const std::string& path, bool supervised) {
    state_path_ = path;
    state_.supervised = supervised;
    write_state();
}

void BootReport::begin(std::string_view stage_name) {
    end();
    open_ = true;
    state_.stage = stage_name;
    state_.since = seconds_of(std::chrono::system_clock::now().time_since_epoch());
    if (stage_name == stage::launch) ++state_.launches;
    started_ = std::chrono::steady_clock::now();
    write_state();
}

void BootReport::note(std::string_view detail) { detail_ = detail; }

void BootReport::end(std::string_view verdict) { write_line(verdict, ""); }

void BootReport::fail(const Error& error) {
    note(error.message());
    write_line("failed", fmt::format(",\"code\":{}", to_int(error.code)));
    state_.stage = stage::failed;
    state_.reason = error.message();
    write_state();
}

void BootReport::write_line(std::string_view verdict, std::string_view more) {
    if (open_ && file_.valid()) {
        const double seconds = seconds_of(std::chrono::steady_clock::now() - started_);
        const std::string line = fmt::format(
            "{{\"pod\":{},\"rank\":{},\"stage\":{},\"verdict\":{},\"began\":{:.6f},"
            "\"seconds\":{:.6f},\"detail\":{}{}}}\n",
            quoted(state_.pod), state_.rank < 0 ? "null" : std::to_string(state_.rank),
            quoted(state_.stage), quoted(verdict), state_.since, seconds, quoted(detail_), more);
        const auto count = ::write(file_.get(), line.data(), line.size());
        if (count != static_cast<ssize_t>(line.size())) {
            log::warning("the boot report ends here: {}",
                         describe_errno(count < 0 ? errno : ENOSPC));
            file_.reset();
        }
    }
    open_ = false;
    detail_.clear();
}

void BootReport::write_state() {
    if (state_path_.empty()) return;
    constexpr mode_t mode = 0644;
    auto written =
        write_file_atomically(state_path_, encode_state(state_), mode, Durability::until_reboot);
    if (written) return;
    log::warning("giving up on state file {}: {}", state_path_, written.error().cause);
    forget_state(state_path_);
    state_path_.clear();
}

}  // namespace fluxpod
