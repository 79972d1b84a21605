// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/termination.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_bytes = 4096;

// Cuts between characters of UTF-8: Kubernetes keeps the message as text.
void cut_to(std::string& text, std::size_t most) {
    if (text.size() <= most) return;
    auto is_continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
    while (most > 0 && is_continuation(text[most])) --most;
    text.resize(most);
}

}  // namespace

void write_termination_message(const std::string& path, const Error& error) {
    if (path.empty()) return;
    Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat info {};
    if (!file.valid() || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;

    std::string message = error.message();
    cut_to(message, max_bytes);
    // Ignore a failure here: the error is on stderr already.
    if (::ftruncate(file.get(), 0) != 0) return;
    [[maybe_unused]] auto count = ::write(file.get(), message.data(), message.size());
}

}  // namespace fluxpod
