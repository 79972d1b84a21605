// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "fluxpod/base/draft.hpp"

namespace fluxpod {

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

tl::unexpected<FileFailure> file_failure(int error_number) {
    return tl::unexpected<FileFailure>({error_number, describe_errno(error_number)});
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

namespace {

// Compares piece by piece, since what is compared may be a secret.
bool has_content(int fd, std::string_view bytes) {
    std::array<char, 16384> chunk{};
    bool same = true;
    while (same) {
        ssize_t count = ::read(fd, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            same = count == 0 && bytes.empty();
            break;
        }
        const std::string_view piece(chunk.data(), static_cast<std::size_t>(count));
        same = bytes.substr(0, piece.size()) == piece;
        bytes.remove_prefix(std::min(piece.size(), bytes.size()));
    }
    ::explicit_bzero(chunk.data(), chunk.size());
    return same;
}

bool is_already(int directory, const std::string& name, std::string_view bytes, mode_t mode) {
    Fd fd(::openat(directory, name.c_str(),
                   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat info {};
    if (!fd.valid() || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
    if ((info.st_mode & 07777U) != mode || info.st_uid != ::geteuid()) return false;
    if (static_cast<std::size_t>(info.st_size) != bytes.size()) return false;
    return has_content(fd.get(), bytes);
}

// rename(2) would put a file in the place of a device or a pipe, too.
const char* special_kind(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG: return nullptr;
        case S_IFCHR:
        case S_IFBLK: return "it is a device, and only a regular file is replaced";
        case S_IFIFO: return "it is a named pipe, and only a regular file is replaced";
        case S_IFSOCK: return "it is a socket, and only a regular file is replaced";
        default: return "it is not a regular file";
    }
}

FileResult<void> fill_draft(int fd, std::string_view bytes, mode_t mode, Durability durability) {
    // It was made 0600: never wider than what is asked for while bytes go in, unless
    // the mode is narrower still, hence before the first byte.
    if (::fchmod(fd, mode) != 0) return file_failure(errno);
    if (auto done = write_all(fd, bytes); !done) return done;
    if (durability == Durability::synced && ::fsync(fd) != 0) return file_failure(errno);
    return {};
}

}  // namespace

FileReader::FileReader(Fd fd, bool is_fifo, Duration patience)
    : fd_(std::move(fd)),
      is_fifo_(is_fifo),
      patience_(patience),
      deadline_(std::chrono::steady_clock::now() + patience) {}

FileResult<FileReader> FileReader::open(const std::string& path, Duration patience) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return file_failure(errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return file_failure(errno);
    if (S_ISDIR(info.st_mode)) return file_failure(EISDIR);
    return FileReader(std::move(fd), S_ISFIFO(info.st_mode), patience);
}

FileResult<std::size_t> FileReader::read(void* to, std::size_t size) {
    while (true) {
        const ssize_t count = ::read(fd_.get(), to, size);
        if (count > 0) {
            has_begun_ = true;
            return static_cast<std::size_t>(count);
        }
        if (count == 0 && !awaits_first_writer()) return 0U;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN) return file_failure(errno);
        if (auto waited = wait_for_writer(); !waited) return tl::unexpected(waited.error());
    }
}

// A FIFO without a writer looks like one at its end (pipe(7)), except that it does not hang up.
bool FileReader::awaits_first_writer() const {
    if (!is_fifo_ || has_begun_) return false;
    pollfd fifo{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&fifo, 1, 0) >= 0 && (fifo.revents & POLLHUP) == 0;
}

FileResult<void> FileReader::wait_for_writer() const {
    sigset_t ending;
    sigemptyset(&ending);
    for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) sigaddset(&ending, number);
    const Fd signals(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.valid()) return file_failure(errno);

    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    std::array<pollfd, 2> either{pollfd{.fd = fd_.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = signals.get(), .events = POLLIN, .revents = 0}};
    const int ready = left > milliseconds(0)
                          ? ::poll(either.data(), either.size(), static_cast<int>(left.count()))
                          : 0;
    if (ready < 0 && errno != EINTR) return file_failure(errno);
    if ((either[1].revents & POLLIN) != 0) {
        return tl::unexpected<FileFailure>(
            {EINTR, "a signal came while its writer was waited for"});
    }
    if (ready != 0) return {};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience_).count();
    const std::string what = has_begun_ ? "its writer was not done" : "nobody wrote to it";
    return tl::unexpected<FileFailure>(
        {ETIMEDOUT, what + " within " + std::to_string(seconds) + "s"});
}

FileResult<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return file_failure(errno);
        if (count == 0) return file_failure(ENOSPC);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

FileResult<std::string> read_file(const std::string& path, std::size_t limit, Duration patience) {
    auto file = FileReader::open(path, patience);
    if (!file) return tl::unexpected(file.error());
    std::string content;
    std::array<char, 16384> chunk{};
    while (true) {
        const auto count = file->read(chunk.data(), chunk.size());
        if (!count) return tl::unexpected(count.error());
        if (*count == 0) return content;
        content.append(chunk.data(), *count);
        if (content.size() > limit) {
            return tl::unexpected<FileFailure>(
                {EFBIG, "larger than " + std::to_string(limit) + " bytes"});
        }
    }
}

FileResult<WriteOutcome> write_file_atomically(const std::string& path, std::string_view bytes,
                                               mode_t mode, Durability durability) {
    return write_file_atomically_at(AT_FDCWD, path, bytes, mode, durability);
}

FileResult<WriteOutcome> write_file_atomically_at(int directory, const std::string& name,
                                                  std::string_view bytes, mode_t mode,
                                                  Durability durability) {
    struct stat info {};
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISLNK(info.st_mode)) {
            return tl::unexpected<FileFailure>({ELOOP, "a symbolic link is in the way"});
        }
        if (S_ISDIR(info.st_mode)) return file_failure(EISDIR);
        if (const char* cause = special_kind(info.st_mode)) {
            return tl::unexpected<FileFailure>({EEXIST, cause});
        }
        if (is_already(directory, name, bytes, mode)) return WriteOutcome::unchanged;
    }

    for (const auto& abandoned : find_abandoned_drafts(directory, name)) {
        (void)::unlinkat(directory, abandoned.name.c_str(), 0);
    }
    auto made = make_draft(directory, name, DraftKind::file);
    if (!made) return tl::unexpected(made.error());
    const char* draft = made->name.c_str();
    auto filled = fill_draft(made->fd.get(), bytes, mode, durability);
    if (filled && ::renameat(directory, draft, directory, name.c_str()) == 0) {
        return WriteOutcome::written;
    }
    int error_number = filled ? errno : filled.error().error_number;
    ::unlinkat(directory, draft, 0);
    return file_failure(error_number);
}

}  // namespace fluxpod
