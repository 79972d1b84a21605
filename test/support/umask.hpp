// SPDX-License-Identifier: Apache-2.0
// Sets the process's umask, and restores it when a test ends.
#pragma once

#include <sys/stat.h>

namespace fluxpod::test {

class Umask {
  public:
    explicit Umask(mode_t mask) : before_(::umask(mask)) {}
    Umask(const Umask&) = delete;
    Umask& operator=(const Umask&) = delete;
    ~Umask() { ::umask(before_); }

  private:
    mode_t before_;
};

}  // namespace fluxpod::test
