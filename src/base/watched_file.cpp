// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/watched_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

namespace fluxpod {

namespace {

bool same(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Within a second from now, before or after: clocks of file servers differ from ours.
bool is_recent(const timespec& time) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const auto age = now.tv_sec - time.tv_sec;
    return -1 <= age && age <= 1;
}

// Cuts a stream of bytes into whole lines.
class LineCutter {
  public:
    explicit LineCutter(const std::function<void(std::string_view)>& take) : take_(take) {}

    void add(std::string_view bytes) {
        if (too_long_) {
            const auto end = bytes.find('\n');
            if (end == std::string_view::npos) return;
            bytes.remove_prefix(end + 1);
            too_long_ = false;
        }
        pending_ += bytes;
        const auto end = pending_.rfind('\n');
        if (end != std::string::npos) {
            take_(std::string_view(pending_).substr(0, end + 1));
            pending_.erase(0, end + 1);
        }
        if (pending_.size() <= WatchedFile::max_in_line) return;
        pending_.clear();
        too_long_ = true;
    }
    void end() {
        if (!pending_.empty()) take_(pending_);
    }

  private:
    const std::function<void(std::string_view)>& take_;
    std::string pending_;    // the beginning of a line
    bool too_long_ = false;  // the rest of a line is to be left out
};

}  // namespace

bool WatchedFile::Stamp::operator==(const Stamp& other) const {
    return device == other.device && inode == other.inode && size == other.size &&
           same(modified, other.modified) && same(status_changed, other.status_changed);
}

bool WatchedFile::changed() {
    std::optional<Stamp> now;
    struct stat info {};
    if (!path_.empty() && ::stat(path_.c_str(), &info) == 0) {
        now = Stamp{.device = info.st_dev,
                    .inode = info.st_ino,
                    .size = info.st_size,
                    .modified = info.st_mtim,
                    .status_changed = info.st_ctim};
    }
    const bool differs = !std::exchange(looked_, true) || now != last_;
    last_ = now;
    return differs || (now && (is_recent(now->modified) || is_recent(now->status_changed)));
}

FileResult<void> WatchedFile::read_lines(
    const std::function<void(std::string_view lines)>& take) const {
    auto failed = [](int error_number) {
        return tl::unexpected<FileFailure>({error_number, describe_errno(error_number)});
    };
    const Fd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return failed(errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return failed(errno);
    if (S_ISDIR(info.st_mode)) return failed(EISDIR);

    LineCutter lines(take);
    std::array<char, 16384> chunk{};
    for (std::size_t total = 0; total <= max_bytes;) {
        const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed(errno);
        if (count == 0) {
            lines.end();
            return {};
        }
        total += static_cast<std::size_t>(count);
        lines.add({chunk.data(), static_cast<std::size_t>(count)});
    }
    return tl::unexpected<FileFailure>(
        {EFBIG, "larger than " + std::to_string(max_bytes >> 20U) + " MiB"});
}

}  // namespace fluxpod
