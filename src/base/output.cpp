// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace fluxpod {

FileResult<void> write_output(int fd, std::string_view bytes, const std::function<bool()>& go_on) {
    constexpr int between_questions = 100;  // milliseconds
    // poll(2) says that a pipe has room for this much (pipe(7)).
    constexpr std::size_t piece = PIPE_BUF;
    while (!bytes.empty()) {
        pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
        const int count = ::poll(&ready, 1, between_questions);
        if (count < 0 && errno != EINTR) return file_failure(errno);
        if (count <= 0) {
            if (!go_on()) return file_failure(ETIMEDOUT);
            continue;
        }
        const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), piece));
        if (written < 0 && errno != EINTR && errno != EAGAIN) return file_failure(errno);
        if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace fluxpod
