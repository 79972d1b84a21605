// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/terminal.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace fluxpod {

Terminal Terminal::controlling() {
    Terminal terminal;
    terminal.owned_ = Fd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    for (int fd = 0; fd <= 2 && !terminal.exists(); ++fd) {
        if (::tcgetsid(fd) == ::getsid(0)) terminal.borrowed_ = fd;
    }
    terminal.look_again();
    return terminal;
}

bool Terminal::in_foreground() const {
    if (!exists()) return false;
    const pid_t group = ::tcgetpgrp(descriptor());
    if (group != ::getpgrp()) return false;
    if (group != 0 || !owned_.valid()) return true;
    // Both groups belong to an outer PID namespace and have no number here. But the kernel knows:
    // from the background even an empty read fails, and one that another reader delays does not.
    char nothing = 0;
    return ::read(owned_.get(), &nothing, 0) == 0 || errno == EAGAIN;
}

void Terminal::lend_to(pid_t process_group) const {
    if (ours_) (void)::tcsetpgrp(descriptor(), process_group);
}

void Terminal::take_back() {
    if (ours_) (void)::tcsetpgrp(descriptor(), ::getpgrp());
    ours_ = false;
}

}  // namespace fluxpod
