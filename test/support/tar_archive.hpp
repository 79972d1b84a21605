// SPDX-License-Identifier: Apache-2.0
// Tar archives as an expression: the bytes that a pax writer makes of names and contents.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/formats/tar.hpp"

namespace fluxpod::test {

inline std::string tar_header(std::string_view name, char type, std::size_t size) {
    std::string block = make_tar_header(name, size);
    block[156] = type;
    return resized_tar_header(block, size);
}

inline std::string tar_entry(std::string_view name, std::string_view content, char type = '0') {
    return tar_header(name, type, content.size()) + std::string(content) +
           std::string(tar_padding(content.size()), '\0');
}

inline std::string tar_end() { return std::string(2 * tar_block, '\0'); }

inline std::string tar_of(
    const std::vector<std::pair<std::string, std::string>>& names_and_contents) {
    std::string bytes;
    for (const auto& [name, content] : names_and_contents) bytes += tar_entry(name, content);
    return bytes + tar_end();
}

}  // namespace fluxpod::test
