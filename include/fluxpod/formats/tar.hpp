// SPDX-License-Identifier: Apache-2.0
// Tar archives as flux-dump(1) writes them: POSIX pax (IEEE Std 1003.1, pax, "ustar Interchange
// Format"), uncompressed. Headers as blocks of 512 bytes and back; who reads and writes files is
// supervise/archive.hpp. Every byte is hostile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

inline constexpr std::size_t tar_block = 512;

struct TarHeader {
    std::string name;
    char type = '0';  // '0' file, '2' symbolic link, 'x' pax records of the next, 'g' of all others
    std::uint64_t size = 0;
};

// Reads one whole block; the error is the cause in words.
[[nodiscard]] OrCause<TarHeader> parse_tar_header(std::string_view block);
// Makes the header of a file of ours; the name has at most 100 bytes.
[[nodiscard]] std::string make_tar_header(std::string_view name, std::uint64_t size);
// The same header for content of another size.
[[nodiscard]] std::string resized_tar_header(std::string_view block, std::uint64_t size);
// Two of these in a row end an archive.
[[nodiscard]] bool is_zero_block(std::string_view block);
// How many zero bytes follow content of that size, up to a whole block.
[[nodiscard]] std::size_t tar_padding(std::uint64_t size);

// What pax records say about the entry that follows them.
struct PaxRecords {
    std::optional<std::string> path;
    std::optional<std::uint64_t> size;
};
[[nodiscard]] OrCause<PaxRecords> parse_pax_records(std::string_view content);

}  // namespace fluxpod
