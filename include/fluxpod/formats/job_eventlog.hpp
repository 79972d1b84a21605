// SPDX-License-Identifier: Apache-2.0
// The eventlog of a Flux job (RFC 18 and 21) as a saved archive holds it, and how a job that was
// cut off for the sake of saving becomes again what it was before it got its resources. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fluxpod {

// The note of the cancellation that cuts a job, `flux cancel -m`, by which it is known later.
inline constexpr const char* cut_note = "fluxpod: cut, to run again from the archive";

struct UncutJob {
    // It runs again from its start, under its own id. False: it had ended well before the cut
    // reached it, and counts as complete.
    bool again = false;
    std::string eventlog;
};
// Returns nullopt for a job that was not cut while it ran, and for bytes that are not an eventlog.
[[nodiscard]] std::optional<UncutJob> undo_cut(std::string_view eventlog);

// An archive's "job/0000/0003/9d00/0000/eventlog" in parts; nothing for other names.
struct JobFile {
    std::string_view directory;  // "job/0000/0003/9d00/0000"
    std::string_view file;       // "eventlog", "R", "guest/output"
};
[[nodiscard]] std::optional<JobFile> split_job_file(std::string_view name);
// The id as people know it: "ƒQeMYfy", RFC 19.
[[nodiscard]] std::string job_id(std::string_view directory);

}  // namespace fluxpod
