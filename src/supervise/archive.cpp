// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include "archive_stream.hpp"
#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/job_eventlog.hpp"
#include "fluxpod/formats/tar.hpp"

namespace fluxpod {

namespace {

// Bounds on what is held in memory. A job has about ten events; parsing takes some twenty times
// their bytes.
constexpr std::uint64_t max_eventlog_bytes = std::uint64_t{4} << 20U;
constexpr std::uint64_t max_id_list_bytes = std::uint64_t{2} << 20U;  // 190,000 job ids

// The resource module always writes it, so every archive of an instance has it.
constexpr std::string_view sign_of_flux = "resource/eventlog";
// The old cluster's hardware. Flux would take it for the new one's where R is to be discovered.
constexpr std::string_view old_resources = "resource/R";

// Ours, in the KVS: which jobs the archive made pending again.
constexpr std::string_view again_key = "fluxpod/again";

bool is_eventlog(const ArchiveEntry& entry) {
    const auto file = split_job_file(entry.name);
    return file && file->file == "eventlog";
}

// A larger one is copied as it is.
bool is_parsed(const ArchiveEntry& entry) {
    return is_eventlog(entry) && entry.size <= max_eventlog_bytes;
}

struct Survey {
    ArchiveContent content;
    std::set<std::string, std::less<>> again;  // directories of the jobs that run again
    std::vector<std::string> told;             // what an earlier save said of its own
};

OrCause<Survey> survey(const Fd& file, Progress& progress) {
    ArchiveInput input(file, progress);
    ArchiveWalk walk(input);
    Survey survey;
    bool of_flux = false;
    while (true) {
        auto entry = walk.next();
        if (!entry) return refuse(entry.error());
        if (!*entry) break;
        of_flux = of_flux || (*entry)->name == sign_of_flux;
        if ((*entry)->name == again_key && (*entry)->size <= max_id_list_bytes) {
            auto ids = take_content(input, **entry);
            if (!ids) return refuse(ids.error());
            survey.told = split(trim(*ids), '\n');
            continue;
        }
        if (is_eventlog(**entry)) ++survey.content.jobs;
        if (!is_parsed(**entry)) {
            if (auto skipped = skip(input, **entry); !skipped) return refuse(skipped.error());
            continue;
        }
        auto eventlog = take_content(input, **entry);
        if (!eventlog) return refuse(eventlog.error());
        const auto uncut = undo_cut(*eventlog);
        if (!uncut || !uncut->again) continue;
        const auto directory = split_job_file((*entry)->name)->directory;
        survey.again.emplace(directory);
        survey.content.again.push_back(job_id(directory));
    }
    if (!of_flux) return refuse("it is a tar archive, but not one of Flux's");
    return survey;
}

// Leaves out what a job that is to run again was given and what it did.
bool is_left_out(const ArchiveEntry& entry, const Survey& survey) {
    if (entry.name == old_resources || entry.name == again_key) return true;
    const auto file = split_job_file(entry.name);
    if (!file || !survey.again.contains(file->directory)) return false;
    return file->file == "R" || file->file == "guest" || file->file.starts_with("guest/");
}

OrCause<void> copy_eventlog(ArchiveInput& input, const ArchiveEntry& entry, ArchiveOutput& output) {
    auto eventlog = take_content(input, entry);
    if (!eventlog) return refuse(eventlog.error());
    auto uncut = undo_cut(*eventlog);
    const std::string& kept = uncut ? uncut->eventlog : *eventlog;
    const auto header = std::string_view(entry.headers);
    const auto last = header.substr(header.size() - tar_block);
    if (auto put = output.put(header.substr(0, header.size() - tar_block)); !put) return put;
    if (auto put = output.put(resized_tar_header(last, kept.size())); !put) return put;
    return output.put(kept + std::string(tar_padding(kept.size()), '\0'));
}

OrCause<void> copy_entry(ArchiveInput& input, const ArchiveEntry& entry, ArchiveOutput& output) {
    if (is_parsed(entry)) return copy_eventlog(input, entry, output);
    if (auto put = output.put(entry.headers); !put) return put;
    return pass_on(input, entry, [&](std::string_view bytes) { return output.put(bytes); });
}

std::string again_entry(const Survey& survey) {
    if (survey.content.again.empty()) return "";
    const std::string ids = join(survey.content.again, "\n") + "\n";
    return make_tar_header(again_key, ids.size()) + ids +
           std::string(tar_padding(ids.size()), '\0');
}

OrCause<void> copy_uncut(const Fd& from, const Survey& survey, const Fd& to, Progress& progress) {
    if (::lseek(from.get(), 0, SEEK_SET) != 0) return refuse(describe_errno(errno));
    ArchiveInput input(from, progress);
    ArchiveOutput output(to, progress);
    ArchiveWalk walk(input);
    while (true) {
        auto entry = walk.next();
        if (!entry) return refuse(entry.error());
        if (!*entry) break;
        auto done = is_left_out(**entry, survey) ? skip(input, **entry)
                                                 : copy_entry(input, **entry, output);
        if (!done) return done;
    }
    if (auto put = output.put(again_entry(survey) + std::string(2 * tar_block, '\0')); !put)
        return put;
    return output.sync();
}

Fd open_archive(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

OrCause<Survey> survey_file(const Fd& file, Progress& progress) {
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return refuse(describe_errno(errno));
    if (!S_ISREG(info.st_mode)) return refuse("it is not a regular file");
    if (info.st_size == 0) return refuse("it is empty");
    std::array<unsigned char, 2> start{};
    const bool gzip = ::pread(file.get(), start.data(), start.size(), 0) == 2 && start[0] == 0x1F &&
                      start[1] == 0x8B;
    if (gzip) return refuse("it is compressed by gzip");
    return survey(file, progress);
}

// The name under which the new archive grows: always the same, so that a kill leaves one at most.
std::string draft_of(const std::string& archive) { return archive + ".new"; }

// So that the old name does not come back after the machine went down. Some network file systems
// cannot sync a directory.
OrCause<void> sync_directory_of(const std::string& file) {
    const auto slash = file.find_last_of('/');
    const std::string directory = slash == std::string::npos ? "." : file.substr(0, slash + 1);
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.valid() && ::fsync(fd.get()) == 0) return {};
    if (fd.valid() && (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) return {};
    return refuse("sync " + directory + ": " + describe_errno(errno));
}

// rename(2) would replace a device or a pipe, too.
OrCause<void> replace(const std::string& draft, const std::string& file) {
    struct stat info {};
    if (::lstat(file.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
        return refuse("it is not a regular file");
    }
    if (::rename(draft.c_str(), file.c_str()) != 0) return refuse(describe_errno(errno));
    return {};
}

OrCause<void> write_draft(const Fd& dump, const Survey& survey, const std::string& draft,
                          Progress& progress) {
    (void)::unlink(draft.c_str());
    constexpr mode_t ours_alone = 0600;  // jobs' environments are in it
    Fd to(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, ours_alone));
    if (!to.valid()) return refuse(describe_errno(errno));
    return copy_uncut(dump, survey, to, progress);
}

Error archive_error(std::string doing, const std::string& subject, std::string cause,
                    std::string hint) {
    return {.code = ExitCode::files,
            .doing = std::move(doing),
            .subject = subject,
            .cause = std::move(cause),
            .hint = std::move(hint)};
}

}  // namespace

Result<std::optional<ArchiveContent>> inspect_archive(const std::string& path) {
    const Fd file = open_archive(path);
    if (!file.valid() && errno == ENOENT) return std::nullopt;
    Progress unseen;
    auto surveyed =
        file.valid() ? survey_file(file, unseen) : OrCause<Survey>(refuse(describe_errno(errno)));
    if (surveyed) {
        return ArchiveContent{.jobs = surveyed->content.jobs, .again = std::move(surveyed->told)};
    }
    return fail(archive_error("restore the archive", path, surveyed.error(),
                              "move it away to begin with an empty cluster; Flux has not seen it"));
}

std::string follow_archive_links(const std::string& archive) {
    namespace fs = std::filesystem;
    constexpr int max_links = 40;  // as the kernel
    std::error_code error;
    fs::path file = archive;
    for (int i = 0; i < max_links; ++i) {
        const fs::path target = fs::read_symlink(file, error);
        if (error) return file;
        file = file.parent_path() / target;
    }
    return file;
}

Result<ArchiveContent> archive_dump(const std::string& dump, const std::string& archive,
                                    Progress& progress) {
    const Fd from = open_archive(dump);
    auto surveyed =
        from.valid() ? survey_file(from, progress) : OrCause<Survey>(refuse(describe_errno(errno)));
    if (!surveyed) {
        return fail(archive_error("save the dump", dump, surveyed.error(),
                                  "Flux did not end its dump; " + archive + " is as it was"));
    }
    const std::string file = follow_archive_links(archive);
    const std::string draft = draft_of(file);
    auto written = write_draft(from, *surveyed, draft, progress);
    if (written) written = replace(draft, file);
    if (!written) {
        (void)::unlink(draft.c_str());
        return fail(archive_error("save the archive", archive, written.error(),
                                  "it is as it was; make room or make it writable, and the next "
                                  "start of this pod saves " +
                                      dump));
    }
    if (auto synced = sync_directory_of(file); !synced) {
        return fail(archive_error("save the archive", archive, synced.error(),
                                  "the new archive is there, but may be lost if the machine goes "
                                  "down now; the next start of this pod saves " +
                                      dump + " again"));
    }
    (void)::unlink(dump.c_str());
    return std::move(surveyed->content);
}

}  // namespace fluxpod
