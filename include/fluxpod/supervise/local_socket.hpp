// SPDX-License-Identifier: Apache-2.0
// Connections over a local socket, unix(7), without a wait.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <string>
#include <tl/expected.hpp>

#include "fluxpod/base/task.hpp"

namespace fluxpod {

using LocalStream = asio::local::stream_protocol::socket;

struct LocalFailure {
    bool nobody_there = false;  // no such socket, or nobody listens on it
    std::string cause;          // with the path
};

// A listener whose queue is full, since it accepts nobody, is a failure; it is not waited for, as
// Asio would, which then takes the descriptor for connected.
[[nodiscard]] tl::expected<LocalStream, LocalFailure> connect_local(
    const asio::any_io_executor& executor, const std::string& path);

}  // namespace fluxpod
