// SPDX-License-Identifier: Apache-2.0
// A process that has run out of something, until the object is destroyed.
#pragma once

#include <sys/resource.h>

#include <stdexcept>

namespace fluxpod::test {

// Every new descriptor is EMFILE; those that are open stay.
class NoDescriptorsLeft {
  public:
    NoDescriptorsLeft() {
        if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("getrlimit");
        rlimit none = before_;
        none.rlim_cur = 0;
        if (::setrlimit(RLIMIT_NOFILE, &none) != 0) throw std::runtime_error("setrlimit");
    }
    NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
    NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
    ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

}  // namespace fluxpod::test
