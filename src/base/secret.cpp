// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/secret.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace fluxpod {

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
    if (::sodium_init() < 0) throw std::bad_alloc();
    bytes_.reset(static_cast<std::uint8_t*>(::sodium_malloc(std::max<std::size_t>(size, 1))));
    if (bytes_ == nullptr) throw std::bad_alloc();
}

SecretBytes SecretBytes::copy_of(std::span<const std::uint8_t> bytes) {
    SecretBytes copy(bytes.size());
    std::ranges::copy(bytes, copy.writable().begin());
    return copy;
}

void SecretBytes::Free::operator()(std::uint8_t* bytes) const noexcept { ::sodium_free(bytes); }

FileResult<SecretBytes> read_secret_file(const std::string& path, std::size_t limit) {
    auto failed = [](int number) {
        return tl::unexpected<FileFailure>({number, describe_errno(number)});
    };
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return failed(errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return failed(errno);
    if (S_ISDIR(info.st_mode)) return failed(EISDIR);

    SecretBytes secret(limit + 1);
    std::size_t filled = 0;
    while (filled <= limit) {
        ssize_t count = ::read(fd.get(), secret.writable().data() + filled, limit + 1 - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed(errno);
        if (count == 0) {
            secret.shrink(filled);
            return secret;
        }
        filled += static_cast<std::size_t>(count);
    }
    return tl::unexpected<FileFailure>({EFBIG, "larger than " + std::to_string(limit) + " bytes"});
}

}  // namespace fluxpod
