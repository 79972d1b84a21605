// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <sys/mount.h>

#include <filesystem>
#include <string>
#include <utility>

namespace fluxpod::test {

// A file system of its own, if the kernel lets us have one.
class TinyMount {
  public:
    TinyMount(std::string path, const char* options) : path_(std::move(path)) {
        std::filesystem::create_directories(path_);
        mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, options) == 0;
    }
    TinyMount(const TinyMount&) = delete;
    TinyMount& operator=(const TinyMount&) = delete;
    ~TinyMount() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    [[nodiscard]] bool mounted() const {
        if (!mounted_) MESSAGE("left out: this needs the right to mount");
        return mounted_;
    }
    [[nodiscard]] bool make_read_only() const {
        return ::mount("none", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
    }

  private:
    std::string path_;
    bool mounted_ = false;
};

}  // namespace fluxpod::test
