// SPDX-License-Identifier: Apache-2.0
// Output to a descriptor whose reader may be slow, such as standard output on a pipe. A write(2)
// that blocks would keep a process from its signals, which are blocked, and O_NONBLOCK would
// change the descriptor of every process that shares it.
#pragma once

#include <functional>
#include <string_view>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

// Writes all bytes, or fails with write(2)'s errno. While the reader takes nothing, asks `go_on`
// every 100 ms; if it returns false, fails with ETIMEDOUT.
[[nodiscard]] FileResult<void> write_output(int fd, std::string_view bytes,
                                            const std::function<bool()>& go_on);

}  // namespace fluxpod
