// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/kept_state.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/supervise/archive.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t most_ids_told = 20;
// The supervisor cuts it off earlier.
constexpr auto early_dump_timeout = std::chrono::minutes(10);
// A volume that takes no byte for so long is given up.
constexpr auto stall_limit = std::chrono::minutes(1);

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

void remove_dumps(const Plan& plan) {
    (void)::unlink(plan.layout.dump.c_str());
    (void)::unlink(plan.layout.early_dump.c_str());
}

// The broker's own dump holds more; if it is not whole, the early one counts.
Result<ArchiveContent> archive_best_dump(const Plan& plan, Progress& progress) {
    auto saved = archive_dump(plan.layout.dump, plan.archive, progress);
    if (!saved) {
        // A whole one that found no room waits for the next start.
        const auto of_broker = inspect_archive(plan.layout.dump);
        if (of_broker && *of_broker) return saved;
        auto second = archive_dump(plan.layout.early_dump, plan.archive, progress);
        if (second) saved = std::move(second);
    }
    if (saved) remove_dumps(plan);
    return saved;
}

Status save_what_was_left(const Plan& plan) {
    bool any_whole = false;
    for (const auto& dump : {plan.layout.dump, plan.layout.early_dump}) {
        auto left = inspect_archive(dump);
        any_whole = any_whole || (left && *left);
        if (left) continue;
        log::warning("the dump {} of an earlier life is not whole and is removed: {}", dump,
                     left.error().cause);
        (void)::unlink(dump.c_str());
    }
    if (!any_whole) return {};
    Progress unseen;
    auto saved = archive_best_dump(plan, unseen);
    if (!saved) return fail(saved.error());
    log::info("saved the previous run's dump: {} in {}", count_of(*saved), plan.archive);
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
                 .hint = "mount a volume there that this pod may write"});
}

Error stalled_save(const Plan& plan) {
    return {.code = ExitCode::files,
            .doing = "save the archive",
            .subject = plan.archive,
            .cause = "the volume took no byte for " + describe_duration(stall_limit),
            .hint = "it is as it was; the next start of this pod saves " + plan.layout.dump};
}

// Newer than the archive: an earlier life went on after the archive was saved, and was not saved
// itself.
bool was_changed_after(const std::string& store, const std::string& archive) {
    struct stat of_store {};
    struct stat of_archive {};
    if (::stat(archive.c_str(), &of_archive) != 0) return false;
    // Flux's database writes ahead into a second file.
    for (const char* suffix : {"", "-wal"}) {
        if (::stat((store + suffix).c_str(), &of_store) != 0) continue;
        if (of_store.st_mtim.tv_sec > of_archive.st_mtim.tv_sec) return true;
    }
    return false;
}

}  // namespace

bool look_for_earlier_store(const Plan& plan) {
    const std::string store = plan.layout.statedir + "/content.sqlite";
    if (!plan.identity.is_lead() || ::access(store.c_str(), F_OK) != 0) return false;
    const bool archived = !plan.archive.empty() && ::access(plan.archive.c_str(), F_OK) == 0;
    if (!archived) {
        log::info("{} is of an earlier life: Flux goes on from its last checkpoint", store);
    } else if (was_changed_after(store, plan.archive)) {
        log::warning(
            "an earlier life went on after {} was saved, and was not saved itself: its jobs "
            "since then are lost with {}, which Flux replaces",
            plan.archive, store);
    }
    return true;
}

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

Task<bool> dump_early(const Plan& plan, Program flux, Reaper& reaper, Clock& clock) {
    const std::string& file = plan.layout.early_dump;
    ChildRequest request;
    request.program = std::move(flux);
    request.program.argv = {"flux",          "dump", "--quiet", "--ignore-failed-read",
                            "--maxreqs=128", file};
    request.program.environment.set("FLUX_URI", plan.layout.local_uri);
    request.timeout = early_dump_timeout;
    const auto outcome = co_await run_child(reaper, std::move(request), clock);
    if (outcome && outcome->exit_code == 0) co_return true;
    log::warning("the first dump failed, so only Flux's own at its end counts: {}",
                 outcome ? excerpt(trim(outcome->errors), 200) : outcome.error().message());
    (void)::unlink(file.c_str());
    co_return false;
}

Task<Result<int>> save_state(const Plan& plan, int exit_code, BootReport& report,
                             Movement& movement, Clock& clock) {
    if (plan.archive.empty()) co_return exit_code;
    report.begin("save");
    const auto outcome = std::make_shared<std::optional<Result<ArchiveContent>>>();
    auto work = [outcome, plan](Progress& progress) {
        *outcome = archive_best_dump(plan, progress);
    };
    const bool ended = co_await run_beside(work, movement, stall_limit, clock);
    const auto saved = ended ? std::move(**outcome) : fail(stalled_save(plan));
    if (saved) {
        log::info("{} saved in {}", count_of(*saved), plan.archive);
        tell_of_cut_jobs(*saved, "had to be cut and will run again");
        report.note(fmt::format("{}, {} to run again", count_of(*saved), saved->again.size()));
        report.end();
        co_return exit_code;
    }
    if (exit_code == 0) co_return fail(saved.error());
    log::warning("{}", saved.error().message());
    report.end("not saved");
    co_return exit_code;
}

}  // namespace fluxpod
