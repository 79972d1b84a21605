// SPDX-License-Identifier: Apache-2.0
// Finds a name that two ranges of a host list both have, by arithmetic: the names of a hundred
// thousand hosts are never written out.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host_token.hpp"

namespace fluxpod {

// Names of one length that count through the last digits that stand in them: prefix, `digits`
// digits from first to last, suffix. A name belongs to exactly one such block.
struct HostBlock {
    std::string prefix, suffix;
    std::size_t digits = 0;
    std::uint64_t first = 0, last = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): a false alarm of clang-tidy 14 at every <=>
    auto operator<=>(const HostBlock&) const = default;

    [[nodiscard]] bool meets(const HostBlock& next) const;
    [[nodiscard]] std::string first_name() const;
};

[[nodiscard]] HostBlock block_of_name(const std::string& name);

// Adds the blocks of prefix + span + suffix. False if the counted digits are not the last ones of
// the name, or are too many for a number: then only the names themselves can be compared.
[[nodiscard]] bool add_blocks(const std::string& prefix, const std::string& suffix,
                              const HostSpan& span, std::vector<HostBlock>& blocks);

// Returns a name that two of the blocks have, if any.
[[nodiscard]] std::optional<std::string> first_meeting(std::vector<HostBlock> blocks);

}  // namespace fluxpod
