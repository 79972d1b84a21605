// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace fluxpod {

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

namespace {

tl::unexpected<FileFailure> failed(int error_number) {
    return tl::unexpected<FileFailure>({error_number, describe_errno(error_number)});
}

bool same_content(const std::string& path, std::string_view bytes, mode_t mode) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
    if ((info.st_mode & 07777U) != mode || info.st_uid != ::geteuid()) return false;
    if (static_cast<std::size_t>(info.st_size) != bytes.size()) return false;
    auto present = read_file(path, bytes.size());
    return present && *present == bytes;
}

FileResult<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed(errno);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

FileResult<void> fill_temporary(int fd, std::string_view bytes, mode_t mode) {
    // mkostemp made it 0600: never wider than what is asked for while bytes go in, unless
    // the mode is narrower still, hence before the first byte.
    if (::fchmod(fd, mode) != 0) return failed(errno);
    if (auto done = write_all(fd, bytes); !done) return done;
    if (::fsync(fd) != 0) return failed(errno);
    return {};
}

}  // namespace

FileResult<std::string> read_file(const std::string& path, std::size_t limit) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return failed(errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return failed(errno);
    if (S_ISDIR(info.st_mode)) return failed(EISDIR);

    std::string content;
    std::array<char, 16384> chunk{};
    while (true) {
        ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed(errno);
        if (count == 0) return content;
        content.append(chunk.data(), static_cast<std::size_t>(count));
        if (content.size() > limit) {
            return tl::unexpected<FileFailure>(
                {EFBIG, "larger than " + std::to_string(limit) + " bytes"});
        }
    }
}

FileResult<WriteOutcome> write_file_atomically(const std::string& path, std::string_view bytes,
                                               mode_t mode) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0) {
        if (S_ISLNK(info.st_mode)) {
            return tl::unexpected<FileFailure>({ELOOP, "a symbolic link is in the way"});
        }
        if (S_ISDIR(info.st_mode)) return failed(EISDIR);
        if (same_content(path, bytes, mode)) return WriteOutcome::unchanged;
    }

    std::string temporary = path + ".XXXXXX";
    Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd.valid()) return failed(errno);
    auto filled = fill_temporary(fd.get(), bytes, mode);
    if (filled && ::rename(temporary.c_str(), path.c_str()) == 0) return WriteOutcome::written;
    int error_number = filled ? errno : filled.error().error_number;
    ::unlink(temporary.c_str());
    return failed(error_number);
}

}  // namespace fluxpod
