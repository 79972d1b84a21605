// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/commands/kept_state.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/files/archive.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t most_ids_told = 20;

std::string count_of(const ArchiveContent& content) {
    return fmt::format("{} {}", content.jobs, content.jobs == 1 ? "job" : "jobs");
}

void tell_of_cut_jobs(const ArchiveContent& content, std::string_view what) {
    std::vector<std::string> ids = content.again;
    if (ids.empty()) return;
    const std::size_t more = ids.size() > most_ids_told ? ids.size() - most_ids_told : 0;
    ids.resize(ids.size() - more);
    log::info("{} {} {} under the same id: {}{}", content.again.size(),
              content.again.size() == 1 ? "job" : "jobs", what, join(ids, ", "),
              more == 0 ? "" : fmt::format(" and {} more", more));
}

Status save_what_was_left(const Plan& plan) {
    const std::string& dump = plan.layout.dump;
    auto left = inspect_archive(dump);
    if (!left) {
        log::warning("the dump {} of an earlier life is not whole and is removed: {}", dump,
                     left.error().cause);
        (void)::unlink(dump.c_str());
        return {};
    }
    if (!*left) return {};
    auto saved = archive_dump(dump, plan.archive);
    if (!saved) return fail(saved.error());
    log::info("what an earlier life could not save is saved now: {} in {}", count_of(*saved),
              plan.archive);
    return {};
}

// Better said now than after hours of work.
Status check_place(const std::string& archive) {
    const std::string file = follow_archive_links(archive);
    const std::string directory = file.substr(0, file.find_last_of('/') + 1);
    if (::access(directory.c_str(), W_OK | X_OK) == 0) return {};
    return fail({.code = ExitCode::files,
                 .doing = "keep the archive",
                 .subject = archive,
                 .cause = directory + ": " + describe_errno(errno),
                 .tried = "",
                 .hint = "mount a volume there that this pod may write"});
}

}  // namespace

Result<bool> ready_to_restore(const Plan& plan) {
    if (plan.archive.empty()) return false;
    if (auto writable = check_place(plan.archive); !writable) return fail(writable.error());
    if (auto saved = save_what_was_left(plan); !saved) return fail(saved.error());
    auto content = inspect_archive(plan.archive);
    if (!content) return fail(content.error());
    if (!*content) {
        log::info("there is no archive {} yet: the cluster begins empty", plan.archive);
        return false;
    }
    log::info("restoring {} from {}", count_of(**content), plan.archive);
    tell_of_cut_jobs(**content, "that had to be cut will run again");
    return true;
}

Result<int> save_state(const Plan& plan, int exit_code, BootReport& report) {
    if (plan.archive.empty()) return exit_code;
    report.begin("save");
    auto saved = archive_dump(plan.layout.dump, plan.archive);
    if (saved) {
        log::info("{} saved in {}", count_of(*saved), plan.archive);
        tell_of_cut_jobs(*saved, "had to be cut and will run again");
        report.note(fmt::format("{}, {} to run again", count_of(*saved), saved->again.size()));
        report.end();
        return exit_code;
    }
    if (exit_code == 0) return fail(saved.error());
    log::warning("{}", saved.error().message());
    report.end("not saved");
    return exit_code;
}

}  // namespace fluxpod
