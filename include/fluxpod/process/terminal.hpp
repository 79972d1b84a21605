// SPDX-License-Identifier: Apache-2.0
// The controlling terminal, as long as the job that this process belongs to is in its foreground:
// lent to a child's process group so that it can read, set modes and be interrupted, and taken
// back. termios(3), tcsetpgrp(3); SIGTTOU and SIGTTIN must be blocked in the caller.
#pragma once

#include <sys/types.h>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

class Terminal {
  public:
    // /dev/tty rather than stdin, which may be redirected; if an image has no /dev/tty, the one of
    // descriptors 0 to 2 that is the controlling terminal.
    static Terminal controlling();

    [[nodiscard]] bool exists() const { return descriptor() >= 0; }
    // The foreground was this process's own when we last looked, and so it is ours to lend.
    [[nodiscard]] bool ours() const { return ours_; }
    // The descriptor that must stay open, or -1.
    [[nodiscard]] int held() const { return owned_.get(); }
    // Best effort, as a terminal can go away at any time; does nothing if it is not ours.
    void lend_to(pid_t process_group) const;
    // It is the shell's from now on, until we see this process in the foreground again.
    void take_back();
    void look_again() { ours_ = ours_ || in_foreground(); }

  private:
    [[nodiscard]] int descriptor() const { return owned_.valid() ? owned_.get() : borrowed_; }
    [[nodiscard]] bool in_foreground() const;
    Fd owned_;
    int borrowed_ = -1;
    bool ours_ = false;
};

}  // namespace fluxpod
