// SPDX-License-Identifier: Apache-2.0
#include "file_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t copy_chunk = std::size_t{64} << 10U;
using Chunk = std::vector<char>;

Fd open_to_read(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
}

// Reads until the chunk is full or the file ends; -1 with errno after an error.
ssize_t fill(int fd, Chunk& chunk) {
    std::size_t filled = 0;
    while (filled < chunk.size()) {
        const ssize_t count = ::read(fd, chunk.data() + filled, chunk.size() - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        filled += static_cast<std::size_t>(count);
    }
    return static_cast<ssize_t>(filled);
}

std::error_code copy_by_hand(int source, int sink) {
    Chunk chunk(copy_chunk);
    while (true) {
        const ssize_t filled = fill(source, chunk);
        if (filled < 0) return last_error();
        const auto size = static_cast<std::size_t>(filled);
        if (auto done = write_all(sink, {chunk.data(), size}); !done) {
            return {done.error().error_number, std::generic_category()};
        }
        if (size < chunk.size()) return {};
    }
}

std::error_code copy_bytes(int source, int sink) {
    constexpr std::size_t at_once = std::size_t{1} << 30U;
    while (true) {
        const ssize_t count = ::sendfile(sink, source, nullptr, at_once);
        if (count == 0) return {};
        // Both descriptors are at the byte where it stopped.
        if (count < 0 && is_unsupported(errno)) return copy_by_hand(source, sink);
        if (count < 0 && errno != EINTR) return last_error();
    }
}

}  // namespace

std::error_code last_error() { return {errno, std::generic_category()}; }

bool is_unsupported(int error_number) {
    return error_number == ENOSYS || error_number == EINVAL || error_number == EPERM ||
           error_number == EOPNOTSUPP;
}

tl::expected<std::string, int> sha256_of_file(const std::string& path) {
    const Fd file = open_to_read(path);
    if (!file.valid()) return tl::unexpected(errno);
    crypto_hash_sha256_state state{};
    (void)::crypto_hash_sha256_init(&state);
    Chunk chunk(copy_chunk);
    while (true) {
        const ssize_t count = fill(file.get(), chunk);
        if (count < 0) return tl::unexpected(errno);
        const auto size = static_cast<std::size_t>(count);
        (void)::crypto_hash_sha256_update(
            &state, reinterpret_cast<const unsigned char*>(chunk.data()), size);
        if (size < chunk.size()) break;
    }
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    (void)::crypto_hash_sha256_final(&state, hash.data());
    std::string text;
    for (const unsigned byte : hash) text += fmt::format("{:02x}", byte);
    return text;
}

bool same_content(const std::string& left, const std::string& right) {
    const Fd one = open_to_read(left);
    const Fd other = open_to_read(right);
    struct stat of_left {};
    struct stat of_right {};
    if (!one.valid() || ::fstat(one.get(), &of_left) != 0) return false;
    if (!other.valid() || ::fstat(other.get(), &of_right) != 0) return false;
    if (of_left.st_size != of_right.st_size) return false;
    Chunk of_one(copy_chunk);
    Chunk of_other(copy_chunk);
    while (true) {
        const ssize_t count = fill(one.get(), of_one);
        if (count < 0 || fill(other.get(), of_other) != count) return false;
        if (!std::equal(of_one.begin(), of_one.begin() + count, of_other.begin())) return false;
        if (static_cast<std::size_t>(count) < copy_chunk) return true;
    }
}

// std::filesystem's own takes a full volume for an input/output error.
std::error_code copy_content(const std::string& from, const std::string& to) {
    const Fd source = open_to_read(from);
    if (!source.valid()) return last_error();
    const Fd sink(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!sink.valid()) return last_error();
    if (auto failed = copy_bytes(source.get(), sink.get())) return failed;
    // Python compiles a module anew if its time is another one, at every start if it may not write
    // the result. Some file systems keep no times, and the copy is good without.
    struct stat info {};
    if (::fstat(source.get(), &info) != 0) return last_error();
    const std::array<timespec, 2> times{info.st_atim, info.st_mtim};
    if (::futimens(sink.get(), times.data()) != 0 && !is_unsupported(errno)) return last_error();
    return {};
}

}  // namespace fluxpod
