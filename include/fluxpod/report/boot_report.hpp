// SPDX-License-Identifier: Apache-2.0
// How this pod's boot went: a JSON line per stage, appended to a file (--report) as stages end, so
// that a boot that hangs or dies still shows how far it came. Times are CLOCK_REALTIME for
// comparing pods, durations are monotonic.
// A stage that failed has the verdict "failed", the error as its detail, and the exit code in
// "code". "rank" is null while it is not known. Each line is one write, so that pods may share a
// file.
//
//   {"pod":"fp-1","rank":1,"stage":"gates","verdict":"ok","began":1767323045.123456,
//    "seconds":0.012,"detail":"..."}
#pragma once

#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/file.hpp"
#include "fluxpod/base/time.hpp"
#include "fluxpod/report/state_file.hpp"

namespace fluxpod {

class BootReport {
  public:
    // An empty path reports nowhere. A path that cannot be written is error 13. Existing lines are
    // kept.
    [[nodiscard]] static Result<BootReport> open(const std::string& path);

    void set_pod(std::string_view hostname, std::uint32_t rank);
    // Written to the state file only, from the next stage on.
    void set_parent(std::string_view endpoint) { state_.parent = endpoint; }
    // From now on, the present stage included, the state file at `path` says where the boot is. Its
    // directory must be there. A file that cannot be written is given up like the report.
    void keep_state(const std::string& path, bool supervised);
    // Ends the stage before, if any, with verdict "ok".
    void begin(std::string_view stage_name);
    // Adds a detail to the present stage: "tcp 3 tries, curve 1 try".
    void note(std::string_view detail);
    void end(std::string_view verdict = "ok");
    void fail(const Error& error);
    // A report that can no longer be written (disk full) is given up with one warning: it must not
    // stop a boot.

  private:
    explicit BootReport(Fd file) : file_(std::move(file)) {}
    void write_line(std::string_view verdict, std::string_view more);
    void write_state();

    Fd file_;
    std::string state_path_;  // empty: no state is kept
    BootState state_;         // as it is now, whether or not it is kept
    std::string detail_;
    bool open_ = false;  // a stage has begun and has not ended
    TimePoint started_{};
};

}  // namespace fluxpod
