// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/tar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

struct Field {
    std::size_t at, size;
    [[nodiscard]] std::string_view of(std::string_view block) const {
        const auto whole = block.substr(at, size);
        return whole.substr(0, whole.find('\0'));
    }
};

constexpr Field name_field{0, 100};
constexpr std::size_t mode_at = 100;
constexpr Field size_field{124, 12};
constexpr Field checksum_field{148, 8};
constexpr std::size_t type_at = 156;
constexpr Field magic_field{257, 5};
constexpr Field prefix_field{345, 155};

tl::unexpected<std::string> refuse(const char* cause) { return tl::unexpected<std::string>(cause); }

std::optional<std::uint64_t> parse_octal(std::string_view text) {
    text = trim(text);
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, value, 8);
    if (text.empty() || error != std::errc{} || last != end) return std::nullopt;
    return value;
}

// The sum of all bytes, those of the checksum itself taken for blanks.
std::uint64_t checksum(std::string_view block) {
    std::uint64_t sum = std::uint64_t{' '} * checksum_field.size;
    for (std::size_t i = 0; i < block.size(); ++i) {
        const bool own = i >= checksum_field.at && i < checksum_field.at + checksum_field.size;
        if (!own) sum += static_cast<unsigned char>(block[i]);
    }
    return sum;
}

}  // namespace

OrCause<TarHeader> parse_tar_header(std::string_view block) {
    if (block.size() != tar_block) return refuse("a header is cut off");
    const auto sum = parse_octal(checksum_field.of(block));
    if (!sum || *sum != checksum(block)) return refuse("a header has the wrong checksum");
    if (magic_field.of(block) != "ustar") return refuse("a header is not of the pax format");
    // Sizes beyond 8 GiB are written in another way, and no value of Flux's KVS is so large.
    const auto size = parse_octal(size_field.of(block));
    if (!size) return refuse("a header has no size");

    TarHeader header{
        .name = std::string(name_field.of(block)), .type = block[type_at], .size = *size};
    const auto prefix = prefix_field.of(block);
    if (!prefix.empty()) header.name = fmt::format("{}/{}", prefix, header.name);
    if (header.type == '\0') header.type = '0';
    return header;
}

std::string make_tar_header(std::string_view name, std::uint64_t size) {
    std::string block(tar_block, '\0');
    block.replace(name_field.at, name.size(), name);
    block.replace(mode_at, 7, "0000644");
    block[type_at] = '0';
    block.replace(magic_field.at, 8, std::string_view("ustar\00000", 8));
    return resized_tar_header(block, size);
}

std::string resized_tar_header(std::string_view block, std::uint64_t size) {
    std::string changed(block);
    changed.replace(size_field.at, size_field.size, fmt::format("{:011o}", size) + '\0');
    changed.replace(checksum_field.at, checksum_field.size,
                    fmt::format("{:06o}", checksum(changed)) + '\0' + ' ');
    return changed;
}

bool is_zero_block(std::string_view block) {
    return block.size() == tar_block &&
           std::ranges::all_of(block, [](char byte) { return byte == '\0'; });
}

std::size_t tar_padding(std::uint64_t size) {
    return static_cast<std::size_t>((tar_block - size % tar_block) % tar_block);
}

// Each is "LENGTH KEY=VALUE\n", where LENGTH is that of the whole record.
OrCause<PaxRecords> parse_pax_records(std::string_view content) {
    PaxRecords records;
    while (!content.empty()) {
        const auto blank = content.find(' ');
        if (blank == std::string_view::npos) return refuse("a pax record has no length");
        const auto length = parse_number<std::size_t>(content.substr(0, blank));
        if (!length || *length <= blank + 1 || *length > content.size() ||
            content[*length - 1] != '\n') {
            return refuse("a pax record has a wrong length");
        }
        const auto record = content.substr(blank + 1, *length - blank - 2);
        content.remove_prefix(*length);
        const auto equals = record.find('=');
        if (equals == std::string_view::npos) return refuse("a pax record has no value");
        const auto value = record.substr(equals + 1);
        if (record.substr(0, equals) == "path") records.path = std::string(value);
        if (record.substr(0, equals) != "size") continue;
        records.size = parse_number<std::uint64_t>(value);
        if (!records.size) return refuse("a pax record has a wrong size");
    }
    return records;
}

}  // namespace fluxpod
