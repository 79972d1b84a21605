// SPDX-License-Identifier: Apache-2.0
// Files: an owned descriptor, a bounded read, and a write that is never seen half done.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/time.hpp"

namespace fluxpod {

// Owns one file descriptor. Every descriptor that fluxpod opens is O_CLOEXEC, so that none
// of its own reaches the broker or the job.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    int release();
    void reset();

  private:
    int fd_ = -1;
};

// The errno of a failed read or write stays with the caller, who knows what the file was for.
struct FileFailure {
    int error_number = 0;
    std::string cause;  // in words: the errno's text, or "is a directory", "larger than 1 MiB"
};

// With the errno's text as its cause.
[[nodiscard]] tl::unexpected<FileFailure> file_failure(int error_number);

template <class T>
using FileResult = tl::expected<T, FileFailure>;

// How long the whole reading of a pipe may take. A process substitution may ask another machine
// first, and a boot must end before a kubelet gives up on the pod.
inline constexpr Duration pipe_patience = std::chrono::seconds(30);

// One reading of a file from its beginning to its end. It waits for a pipe's writer: for bytes that
// are not there yet, and for a FIFO's first writer. The wait ends after `patience` (ETIMEDOUT), and
// at once when a blocked HUP, INT, QUIT or TERM is pending (EINTR).
class FileReader {
  public:
    // Fails for a directory (EISDIR): a mounted Secret or a user's file may be anything.
    static FileResult<FileReader> open(const std::string& path, Duration patience = pipe_patience);
    // The number of bytes that it put to `to`: at most `size`, 0 at the end of the file.
    FileResult<std::size_t> read(void* to, std::size_t size);

  private:
    FileReader(Fd fd, bool is_fifo, Duration patience);
    [[nodiscard]] bool awaits_first_writer() const;
    [[nodiscard]] FileResult<void> wait_for_writer() const;

    Fd fd_;
    bool is_fifo_;
    bool has_begun_ = false;  // a byte was read
    Duration patience_;
    TimePoint deadline_;
};

// Writes all of `bytes` to a descriptor whose write(2) blocks, and goes on after a signal (EINTR)
// and after a part was written. Fails with write(2)'s errno; ENOSPC if it writes nothing and
// reports no error. How much was written by then is not known. For a reader that may be slow:
// output.hpp.
[[nodiscard]] FileResult<void> write_all(int fd, std::string_view bytes);

// Reads a regular file, pipe or proc file whole. More than `limit` bytes is a failure (EFBIG).
[[nodiscard]] FileResult<std::string> read_file(const std::string& path,
                                                std::size_t limit = std::size_t{1} << 20U,
                                                Duration patience = pipe_patience);

enum class WriteOutcome { written, unchanged };
// until_reboot skips fsync: the file is of no use after the machine went down.
enum class Durability { synced, until_reboot };

// Writes `bytes` to a temporary name in the same directory, fsyncs it unless told otherwise, and
// renames it over `path` (rename(2) is atomic). The file has exactly `mode` from its first byte,
// whatever the umask. A file that already has these bytes, this mode and this owner is left alone.
// A path that is a symbolic link or a directory is refused (ELOOP, EISDIR): it is never followed.
// A device, pipe or socket is refused (EEXIST): only a regular file is replaced.
// After a failure no temporary file remains, and one that a killed writer left is removed
// (draft.hpp). `bytes` may be a secret's: no copy of them is left in memory.
[[nodiscard]] FileResult<WriteOutcome> write_file_atomically(const std::string& path,
                                                             std::string_view bytes, mode_t mode,
                                                             Durability = Durability::synced);
// The same below an open directory, so that no step of the way to it is walked again.
[[nodiscard]] FileResult<WriteOutcome> write_file_atomically_at(int directory,
                                                                const std::string& name,
                                                                std::string_view bytes, mode_t mode,
                                                                Durability = Durability::synced);

}  // namespace fluxpod
