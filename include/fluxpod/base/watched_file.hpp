// SPDX-License-Identifier: Apache-2.0
// A file that others may change while we run: whether to read it again, and a read of any length
// that holds a bounded part of it at a time.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

class WatchedFile {
  public:
    static constexpr std::size_t max_bytes = std::size_t{64} << 20U;
    static constexpr std::size_t max_in_line = std::size_t{64} << 10U;

    WatchedFile() = default;  // there is no file, and it never changes
    explicit WatchedFile(std::string path) : path_(std::move(path)) {}
    [[nodiscard]] const std::string& path() const { return path_; }

    // Costs one stat(2). True at the first call, and if device, inode, size or time stamps differ
    // from the last call. Also true for a second after each change: time stamps are coarser than
    // the time between two writes.
    [[nodiscard]] bool changed();

    // Hands whole lines to `take`, some 64 KiB of them at a time. Leaves out lines of more than
    // max_in_line bytes. A file of more than max_bytes is EFBIG, after these were handed on.
    [[nodiscard]] FileResult<void> read_lines(
        const std::function<void(std::string_view lines)>& take) const;

  private:
    struct Stamp {
        dev_t device;
        ino_t inode;
        off_t size;
        timespec modified, status_changed;
        [[nodiscard]] bool operator==(const Stamp& other) const;
    };
    std::string path_;
    bool looked_ = false;
    std::optional<Stamp> last_;  // unset: the file could not be looked at
};

}  // namespace fluxpod
