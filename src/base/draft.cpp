// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/draft.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

namespace fluxpod {

namespace {

constexpr std::string_view mark = ".fluxpod-";
constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
constexpr std::size_t random_digits = 6;
constexpr std::time_t silent_for = 3600;  // seconds, on a network file system

std::string random_name(const std::string& name) {
    std::array<std::uint8_t, random_digits> random{};
    // libsodium instead of getrandom(2): it reads /dev/urandom if a seccomp filter denies the call.
    ::randombytes_buf(random.data(), random.size());
    std::string draft = name;
    draft += mark;
    for (auto byte : random) draft += digits[byte % digits.size()];
    return draft;
}

bool is_draft_of(std::string_view entry, std::string_view name) {
    return entry.size() == name.size() + mark.size() + random_digits && entry.starts_with(name) &&
           entry.substr(name.size()).starts_with(mark) &&
           entry.substr(name.size() + mark.size()).find_first_not_of(digits) ==
               std::string_view::npos;
}

Fd make(int directory, const char* name, DraftKind kind) {
    if (kind == DraftKind::file) {
        return Fd(::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    }
    if (::mkdirat(directory, name, 0700) != 0) return {};
    Fd fd(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) {
        const int error_number = errno;
        (void)::unlinkat(directory, name, AT_REMOVEDIR);
        errno = error_number;
    }
    return fd;
}

// False if another process found the draft unlocked and removes it.
bool lock_new(const Fd& draft) {
    if (::flock(draft.get(), LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
    struct stat info {};
    return ::fstat(draft.get(), &info) != 0 || info.st_nlink > 0;
}

bool is_local(int fd) {
    struct statfs info {};
    if (::fstatfs(fd, &info) != 0) return false;
    constexpr std::array<std::uint32_t, 7> local{
        TMPFS_MAGIC,      RAMFS_MAGIC,           EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
        F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC};
    return std::ranges::find(local, static_cast<std::uint32_t>(info.f_type)) != local.end();
}

Fd open_if_abandoned(int directory, const std::string& name) {
    struct stat info {};
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return {};
    // Opening a device or a FIFO could have an effect.
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return {};
    Fd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid() || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
    if (!is_local(fd.get()) && std::time(nullptr) - info.st_ctime < silent_for) return {};
    return fd;
}

}  // namespace

FileResult<Draft> make_draft(int directory, const std::string& name, DraftKind kind) {
    constexpr int max_tries = 100;
    for (int i = 0; i < max_tries; ++i) {
        std::string draft = random_name(name);
        Fd fd = make(directory, draft.c_str(), kind);
        if (!fd.valid() && errno == EEXIST) continue;
        if (!fd.valid()) {
            return tl::unexpected<FileFailure>({errno, describe_errno(errno)});
        }
        if (lock_new(fd)) return Draft{std::move(fd), std::move(draft)};
    }
    return tl::unexpected<FileFailure>({EEXIST, describe_errno(EEXIST)});
}

std::vector<Draft> find_abandoned_drafts(int directory, const std::string& name) {
    const auto slash = name.find_last_of('/');
    const std::string parent = slash == std::string::npos ? "" : name.substr(0, slash + 1);
    const std::string_view last = std::string_view(name).substr(parent.size());
    Fd fd(::openat(directory, parent.empty() ? "." : parent.c_str(),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd.valid() ? ::fdopendir(fd.get()) : nullptr,
                                                     ::closedir);
    if (stream == nullptr) return {};
    (void)fd.release();  // closedir(3) closes it

    std::vector<Draft> found;
    // The stream is this call's own. NOLINTNEXTLINE(concurrency-mt-unsafe)
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view entry_name = static_cast<const char*>(entry->d_name);
        if (!is_draft_of(entry_name, last)) continue;
        Draft draft{.fd = {}, .name = parent + std::string(entry_name)};
        draft.fd = open_if_abandoned(directory, draft.name);
        if (draft.fd.valid()) found.push_back(std::move(draft));
    }
    return found;
}

}  // namespace fluxpod
