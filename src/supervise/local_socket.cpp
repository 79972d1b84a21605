// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/local_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/file.hpp"

namespace fluxpod {

namespace {

LocalFailure failure(const std::string& path, int error_number) {
    const bool absent =
        error_number == ENOENT || error_number == ECONNREFUSED || error_number == ENOTDIR;
    if (absent) {
        return {true, fmt::format("nobody listens on {} ({})", path, describe_errno(error_number))};
    }
    return {false, fmt::format("cannot connect to {}: {}", path,
                               error_number == EAGAIN ? "it accepts nobody"
                                                      : describe_errno(error_number))};
}

}  // namespace

tl::expected<LocalStream, LocalFailure> connect_local(const asio::any_io_executor& executor,
                                                      const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return tl::unexpected(failure(path, ENAMETOOLONG));
    }
    std::memcpy(&address.sun_path[0], path.c_str(), path.size() + 1);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // NOLINTNEXTLINE(*-reinterpret-cast): as connect(2) wants it
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (!fd.valid() || ::connect(fd.get(), generic, sizeof address) != 0) {
        return tl::unexpected(failure(path, errno));
    }
    LocalStream stream(executor);
    stream.assign(asio::local::stream_protocol(), fd.release());
    return stream;
}

}  // namespace fluxpod
