// SPDX-License-Identifier: Apache-2.0
// Secret bytes. The memory is locked (mlock(2), as far as RLIMIT_MEMLOCK allows), guarded and
// wiped when freed (libsodium's sodium_malloc). There is no formatter, no conversion to a string
// and no comparison, so that a secret is neither logged nor put into an argument list by mistake.
// The one way to its characters is exposed_text, a name to search for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

class SecretBytes {
  public:
    explicit SecretBytes(std::size_t size);
    static SecretBytes copy_of(std::span<const std::uint8_t> bytes);
    static SecretBytes copy_of_text(std::string_view text);

    [[nodiscard]] std::span<const std::uint8_t> view() const { return {bytes_.get(), size_}; }
    [[nodiscard]] std::span<std::uint8_t> writable() { return {bytes_.get(), size_}; }
    [[nodiscard]] std::size_t size() const { return size_; }
    // Gives up the tail; `size` is at most the present one.
    void shrink(std::size_t size) { size_ = size; }

  private:
    struct Free {
        void operator()(std::uint8_t* bytes) const noexcept;
    };
    std::size_t size_;
    std::unique_ptr<std::uint8_t, Free> bytes_;
};

// The bytes as characters, where they are: valid as long as the secret. For a parser, a library's
// call and the write of a file that must hold them. Never copy them to a string, and never log
// them.
[[nodiscard]] std::string_view exposed_text(const SecretBytes& secret);

// Like read_file, but no copy of a byte is left outside the secret's own memory.
[[nodiscard]] FileResult<SecretBytes> read_secret_file(const std::string& path, std::size_t limit);

}  // namespace fluxpod
