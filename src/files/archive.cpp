// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <set>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/job_eventlog.hpp"
#include "fluxpod/formats/tar.hpp"

namespace fluxpod {

namespace {

// The cause in words; who calls knows the path.
template <class T>
using Read = tl::expected<T, std::string>;

tl::unexpected<std::string> refuse(std::string cause) { return tl::unexpected(std::move(cause)); }

// What is held in memory. A job has about ten events; parsing takes some twenty times their bytes.
constexpr std::uint64_t max_eventlog_bytes = std::uint64_t{4} << 20U;
constexpr std::uint64_t max_id_list_bytes = std::uint64_t{2} << 20U;  // 190,000 job ids
// All headers of one entry. libarchive's, for the longest path of the KVS, have a few KiB.
constexpr std::size_t max_header_bytes = std::size_t{1} << 20U;
constexpr std::size_t chunk_size = std::size_t{64} << 10U;

// The resource module always writes it, so every archive of an instance has it.
constexpr std::string_view sign_of_flux = "resource/eventlog";
// The old cluster's hardware. Flux would take it for the new one's where R is to be discovered.
constexpr std::string_view old_resources = "resource/R";

// Ours, in the KVS: which jobs the archive made pending again.
constexpr std::string_view again_key = "fluxpod/again";

class Input {
  public:
    explicit Input(const Fd& file) : file_(file) {}

    // Exactly that many bytes.
    Read<std::string> take(std::size_t size) {
        std::string bytes(size, '\0');
        std::size_t have = 0;
        while (have < size) {
            const ssize_t count = ::read(file_.get(), bytes.data() + have, size - have);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return refuse(describe_errno(errno));
            if (count == 0) return refuse("it is cut off");
            have += static_cast<std::size_t>(count);
        }
        return bytes;
    }

  private:
    const Fd& file_;
};

class Output {
  public:
    explicit Output(const Fd& file) : file_(file) {}

    Read<void> put(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return refuse(describe_errno(errno));
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
        return {};
    }

  private:
    const Fd& file_;
};

struct Entry {
    std::string name;
    std::uint64_t size = 0;
    std::string headers;  // blocks of pax records, if there are any, and of the entry itself
};

// Walks through an archive; the visitor must consume an entry's content, padding included.
class Walk {
  public:
    explicit Walk(Input& input) : input_(input) {}

    // Nothing at the end of the archive.
    Read<std::optional<Entry>> next() {
        Entry entry;
        std::optional<std::string> long_name;
        while (true) {
            auto block = input_.take(tar_block);
            if (!block) return refuse(block.error());
            if (entry.headers.empty() && is_zero_block(*block)) return at_end();
            auto header = parse_tar_header(*block);
            if (!header) return refuse(header.error());
            entry.headers += *block;
            if (header->type != 'x') {
                entry.name = long_name.value_or(header->name);
                entry.size = header->type == '0' ? header->size : 0;
                return entry;
            }
            auto records = take_records(header->size, entry.headers);
            if (!records) return refuse(records.error());
            if (records->path) long_name = records->path;
        }
    }

  private:
    Read<PaxRecords> take_records(std::uint64_t size, std::string& headers) {
        if (size > max_header_bytes || headers.size() + size > max_header_bytes) {
            return refuse("its pax records are too long");
        }
        auto content = input_.take(static_cast<std::size_t>(size) + tar_padding(size));
        if (!content) return refuse(content.error());
        headers += *content;
        auto records = parse_pax_records(std::string_view(*content).substr(0, size));
        if (records && records->size) return refuse("a value in it is too large");
        return records;
    }

    Read<std::optional<Entry>> at_end() {
        auto second = input_.take(tar_block);
        if (!second || !is_zero_block(*second)) return refuse("it is cut off");
        return std::nullopt;
    }

    Input& input_;
};

Read<void> pass_on(Input& input, std::uint64_t size,
                   const std::function<Read<void>(std::string_view)>& to) {
    std::uint64_t rest = size + tar_padding(size);
    while (rest > 0) {
        auto chunk =
            input.take(static_cast<std::size_t>(std::min<std::uint64_t>(rest, chunk_size)));
        if (!chunk) return refuse(chunk.error());
        rest -= chunk->size();
        if (auto passed = to(*chunk); !passed) return passed;
    }
    return {};
}

Read<void> skip(Input& input, const Entry& entry) {
    return pass_on(input, entry.size, [](std::string_view) { return Read<void>(); });
}

Read<std::string> take_content(Input& input, const Entry& entry) {
    auto content = input.take(static_cast<std::size_t>(entry.size) + tar_padding(entry.size));
    if (content) content->resize(static_cast<std::size_t>(entry.size));
    return content;
}

bool is_eventlog(const Entry& entry) {
    const auto file = split_job_file(entry.name);
    return file && file->file == "eventlog";
}

// A larger one is copied as it is.
bool is_parsed(const Entry& entry) {
    return is_eventlog(entry) && entry.size <= max_eventlog_bytes;
}

struct Survey {
    ArchiveContent content;
    std::set<std::string, std::less<>> again;  // directories of the jobs that run again
    std::vector<std::string> told;             // what an earlier save said of its own
};

Read<Survey> survey(const Fd& file) {
    Input input(file);
    Walk walk(input);
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

// Of a job that is to run again, what it was given and what it did are left out.
bool is_left_out(const Entry& entry, const Survey& survey) {
    if (entry.name == old_resources || entry.name == again_key) return true;
    const auto file = split_job_file(entry.name);
    if (!file || !survey.again.contains(file->directory)) return false;
    return file->file == "R" || file->file == "guest" || file->file.starts_with("guest/");
}

Read<void> copy_eventlog(Input& input, const Entry& entry, Output& output) {
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

Read<void> copy_entry(Input& input, const Entry& entry, Output& output) {
    if (is_parsed(entry)) return copy_eventlog(input, entry, output);
    if (auto put = output.put(entry.headers); !put) return put;
    return pass_on(input, entry.size, [&](std::string_view bytes) { return output.put(bytes); });
}

std::string again_entry(const Survey& survey) {
    if (survey.content.again.empty()) return "";
    const std::string ids = join(survey.content.again, "\n") + "\n";
    return make_tar_header(again_key, ids.size()) + ids +
           std::string(tar_padding(ids.size()), '\0');
}

Read<void> copy_uncut(const Fd& from, const Survey& survey, const Fd& to) {
    if (::lseek(from.get(), 0, SEEK_SET) != 0) return refuse(describe_errno(errno));
    Input input(from);
    Output output(to);
    Walk walk(input);
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
    if (::fsync(to.get()) != 0) return refuse(describe_errno(errno));
    return {};
}

Fd open_archive(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

Read<Survey> survey_file(const Fd& file) {
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return refuse(describe_errno(errno));
    if (!S_ISREG(info.st_mode)) return refuse("it is not a regular file");
    if (info.st_size == 0) return refuse("it is empty");
    std::array<unsigned char, 2> start{};
    const bool gzip = ::pread(file.get(), start.data(), start.size(), 0) == 2 && start[0] == 0x1F &&
                      start[1] == 0x8B;
    if (gzip) return refuse("it is compressed by gzip");
    return survey(file);
}

// The name under which the new archive grows: always the same, so that a kill leaves one at most.
std::string draft_of(const std::string& archive) { return archive + ".new"; }

// So that the old name does not come back after the machine went down. Some network file systems
// cannot sync a directory.
Read<void> sync_directory_of(const std::string& file) {
    const auto slash = file.find_last_of('/');
    const std::string directory = slash == std::string::npos ? "." : file.substr(0, slash + 1);
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.valid() && ::fsync(fd.get()) == 0) return {};
    if (fd.valid() && (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) return {};
    return refuse("sync " + directory + ": " + describe_errno(errno));
}

// rename(2) would replace a device or a pipe, too.
Read<void> replace(const std::string& draft, const std::string& file) {
    struct stat info {};
    if (::lstat(file.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
        return refuse("it is not a regular file");
    }
    if (::rename(draft.c_str(), file.c_str()) != 0) return refuse(describe_errno(errno));
    return {};
}

Read<void> write_draft(const Fd& dump, const Survey& survey, const std::string& draft) {
    (void)::unlink(draft.c_str());
    constexpr mode_t ours_alone = 0600;  // jobs' environments are in it
    Fd to(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, ours_alone));
    if (!to.valid()) return refuse(describe_errno(errno));
    return copy_uncut(dump, survey, to);
}

Error archive_error(std::string doing, const std::string& subject, std::string cause,
                    std::string hint) {
    return {.code = ExitCode::files,
            .doing = std::move(doing),
            .subject = subject,
            .cause = std::move(cause),
            .tried = "",
            .hint = std::move(hint)};
}

}  // namespace

Result<std::optional<ArchiveContent>> inspect_archive(const std::string& path) {
    const Fd file = open_archive(path);
    if (!file.valid() && errno == ENOENT) return std::nullopt;
    auto surveyed = file.valid() ? survey_file(file) : Read<Survey>(refuse(describe_errno(errno)));
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

Result<ArchiveContent> archive_dump(const std::string& dump, const std::string& archive) {
    const Fd from = open_archive(dump);
    auto surveyed = from.valid() ? survey_file(from) : Read<Survey>(refuse(describe_errno(errno)));
    if (!surveyed) {
        return fail(archive_error("save the dump", dump, surveyed.error(),
                                  "Flux did not end its dump; " + archive + " is as it was"));
    }
    const std::string file = follow_archive_links(archive);
    const std::string draft = draft_of(file);
    auto written = write_draft(from, *surveyed, draft);
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
