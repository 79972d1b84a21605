// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/apply.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <map>
#include <string_view>
#include <utility>

#include "fluxpod/base/log.hpp"

namespace fluxpod {

namespace {

std::string advise(int error_number) {
    switch (error_number) {
        case EROFS:
            return "mount a writable volume there, such as an emptyDir, or choose another --root";
        case ENOSPC:
        case EDQUOT: return "make room there, or choose another --root";
        case EFBIG: return "raise the limit of file sizes (ulimit -f)";
        case EACCES:
        case EPERM:
            return fmt::format(
                "fluxpod runs as uid {}: give it the directory (fsGroup, runAsUser), or choose "
                "another --root",
                ::geteuid());
        case ELOOP: return "remove the link: below the root none is followed";
        case EEXIST:
        case ENOTDIR:
        case EISDIR: return "move what is there out of the way, or choose another --root";
        default: return "try another --root";
    }
}

Error file_error(std::string doing, std::string path, const FileFailure& failure) {
    return {.code = ExitCode::files,
            .doing = std::move(doing),
            .subject = std::move(path),
            .cause = failure.cause,
            .hint = advise(failure.error_number)};
}

Error errno_error(std::string doing, std::string path, int error_number) {
    return file_error(std::move(doing), std::move(path),
                      {error_number, describe_errno(error_number)});
}

// "/a/b/c" into "/a/b" and "c".
std::pair<std::string, std::string> split_path(const std::string& path) {
    const auto slash = path.find_last_of('/');
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Opens the root, which is made if it is missing, with everything above it.
Result<Fd> open_root(const DirectoryPlan& root) {
    for (std::size_t end = 0; end != std::string::npos;) {
        end = root.path.find('/', end + 1);
        const std::string step = root.path.substr(0, end);
        if (::mkdir(step.c_str(), root.mode) == 0) {
            // The umask may have narrowed it.
            if (::chmod(step.c_str(), root.mode) == 0) continue;
        } else if (errno == EEXIST) {
            continue;
        }
        return fail(errno_error("make the directory", step, errno));
    }
    Fd fd(::open(root.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return fail(errno_error("open the directory", root.path, errno));
    return fd;
}

// `name` is not a directory; say whether it is a link.
Error not_a_directory(int parent, const std::string& name, const std::string& path) {
    struct stat info {};
    const bool link =
        ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
    return file_error("open the directory", path,
                      link ? FileFailure{ELOOP, "a symbolic link is in the way"}
                           : FileFailure{ENOTDIR, describe_errno(ENOTDIR)});
}

Result<Fd> open_or_make(int parent, const std::string& name, const DirectoryPlan& plan) {
    constexpr int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (::mkdirat(parent, name.c_str(), 0700) == 0) {
        Fd made(::openat(parent, name.c_str(), flags | O_RDONLY));
        if (made.valid() && ::fchmod(made.get(), plan.mode) == 0) return made;
        return fail(errno_error("make the directory", plan.path, errno));
    }
    if (errno != EEXIST) return fail(errno_error("make the directory", plan.path, errno));

    Fd present(::openat(parent, name.c_str(), flags | O_PATH));
    if (present.valid()) return present;
    if (errno == ENOTDIR || errno == ELOOP) return fail(not_a_directory(parent, name, plan.path));
    return fail(errno_error("open the directory", plan.path, errno));
}

Status check_ours(int fd, const DirectoryPlan& plan) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return fail(errno_error("look at", plan.path, errno));
    if (info.st_uid != ::geteuid()) {
        return fail(file_error("use the directory", plan.path,
                               {EPERM, fmt::format("it belongs to uid {}", info.st_uid)}));
    }
    if ((info.st_mode & S_IRWXU) != S_IRWXU) {
        return fail(file_error("use the directory", plan.path,
                               {0, fmt::format("its mode is {:04o}, and Flux needs rwx for its "
                                               "owner",
                                               info.st_mode & 07777U)}));
    }
    return {};
}

bool is_own_group(gid_t group) {
    if (group == ::getegid()) return true;
    const int count = ::getgroups(0, nullptr);
    std::vector<gid_t> groups(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count <= 0 || ::getgroups(count, groups.data()) < 0) return false;
    return std::ranges::find(groups, group) != groups.end();
}

// The permission bits by which others may replace what we write. The kubelet gives a volume to our
// own group (fsGroup).
mode_t foreign_write_bits(const struct stat& info) {
    if ((info.st_mode & S_ISVTX) != 0) return 0;
    mode_t bits = info.st_mode & S_IWOTH;
    if (!is_own_group(info.st_gid)) bits |= info.st_mode & S_IWGRP;
    return bits;
}

// Refuses a directory in which others may replace files, unless it is ours: then takes their
// permission away.
Status check_safe(int fd, const DirectoryPlan& plan) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return fail(errno_error("look at", plan.path, errno));
    if (info.st_uid != ::geteuid() && info.st_uid != 0) {
        return fail(file_error("use the directory", plan.path,
                               {EPERM, fmt::format("it belongs to uid {}", info.st_uid)}));
    }
    const mode_t bits = foreign_write_bits(info);
    if (bits == 0) return {};
    // O_PATH allows no fchmod(2).
    const Fd open(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (open.valid() && ::fchmod(open.get(), info.st_mode & 07777U & ~bits) == 0) {
        log::warning("{}: took the write permission from others, its mode was {:04o}", plan.path,
                     info.st_mode & 07777U);
        return {};
    }
    return fail(file_error("use the directory", plan.path,
                           {EPERM, fmt::format("its mode {:04o} lets others replace what is in it",
                                               info.st_mode & 07777U)}));
}

using OpenDirectories = std::map<std::string, Fd>;  // path -> descriptor

Result<OpenDirectories> open_directories(const std::vector<DirectoryPlan>& directories) {
    OpenDirectories open;
    for (const auto& plan : directories) {
        const auto [parent, name] = split_path(plan.path);
        auto fd = open.empty() ? open_root(plan) : open_or_make(open.at(parent).get(), name, plan);
        if (!fd) return fail(fd.error());
        if (plan.must_be_ours) {
            if (auto ours = check_ours(fd->get(), plan); !ours) return fail(ours.error());
        }
        if (!open.empty()) {
            if (auto safe = check_safe(fd->get(), plan); !safe) return fail(safe.error());
        }
        open.emplace(plan.path, std::move(*fd));
    }
    return open;
}

Result<AppliedFile> write_below(const OpenDirectories& open, const std::string& path,
                                std::string_view bytes, mode_t mode) {
    const auto [parent, name] = split_path(path);
    auto outcome = write_file_atomically_at(open.at(parent).get(), name, bytes, mode);
    if (!outcome) return fail(file_error("write", path, outcome.error()));
    return AppliedFile{path, *outcome == WriteOutcome::written};
}

}  // namespace

Result<std::vector<AppliedFile>> apply_files(const Plan& plan,
                                             const std::vector<RenderedFile>& files,
                                             const std::optional<CurveCert>& certificate,
                                             const std::string& place) {
    const std::string& root = plan.layout.root;
    auto placed = [&](const std::string& path) {
        if (place.empty()) return path;
        return path == root ? place : place + path.substr(root == "/" ? 0 : root.size());
    };
    std::vector<DirectoryPlan> directories = plan.directories;
    for (auto& directory : directories) directory.path = placed(directory.path);
    auto open = open_directories(directories);
    if (!open) return fail(open.error());

    std::vector<AppliedFile> applied;
    for (const auto& file : files) {
        auto written = write_below(*open, placed(file.path), file.bytes, file.mode);
        if (!written) return fail(written.error());
        applied.push_back(std::move(*written));
    }
    if (certificate) {
        const SecretBytes text = certificate->encode();
        auto written = write_below(*open, placed(plan.layout.curve_cert), exposed_text(text),
                                   certificate_mode);
        if (!written) return fail(written.error());
        applied.push_back(std::move(*written));
    }
    return applied;
}

}  // namespace fluxpod
