// SPDX-License-Identifier: Apache-2.0
// An input as a file, for readers that take a path: in memory, and the same one for every input.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

class InputFile {
  public:
    InputFile() : fd_(::memfd_create("input", 0)) {
        if (fd_ < 0) std::abort();
    }
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    ~InputFile() { ::close(fd_); }

    void set(std::string_view bytes) const {
        const bool written =
            ::ftruncate(fd_, 0) == 0 &&
            ::pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
        if (!written) std::abort();
    }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};
