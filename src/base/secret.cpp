// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/secret.hpp"

#include <sodium.h>

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

SecretBytes SecretBytes::copy_of_text(std::string_view text) {
    SecretBytes copy(text.size());
    std::ranges::copy(text, copy.writable().begin());
    return copy;
}

std::string_view exposed_text(const SecretBytes& secret) {
    // NOLINTNEXTLINE(*-reinterpret-cast): bytes as characters, where they are
    return {reinterpret_cast<const char*>(secret.view().data()), secret.size()};
}

void SecretBytes::Free::operator()(std::uint8_t* bytes) const noexcept { ::sodium_free(bytes); }

FileResult<SecretBytes> read_secret_file(const std::string& path, std::size_t limit) {
    auto file = FileReader::open(path);
    if (!file) return tl::unexpected(file.error());
    SecretBytes secret(limit + 1);
    std::size_t filled = 0;
    while (filled <= limit) {
        const auto count = file->read(secret.writable().data() + filled, limit + 1 - filled);
        if (!count) return tl::unexpected(count.error());
        if (*count == 0) {
            secret.shrink(filled);
            return secret;
        }
        filled += *count;
    }
    return tl::unexpected<FileFailure>({EFBIG, "larger than " + std::to_string(limit) + " bytes"});
}

}  // namespace fluxpod
