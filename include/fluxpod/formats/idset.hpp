// SPDX-License-Identifier: Apache-2.0
// Sets of non-negative numbers (Flux RFC 22): "0-3,7", brackets optional on input. Ascending,
// no leading zeros, no repeats. The empty set is the empty string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

class Idset {
  public:
    // Flux's own bound (flux-core idset.h).
    static constexpr std::uint32_t max_id = 0x7FFFFFFF;

    struct Range {
        std::uint32_t first, last;
        bool operator==(const Range&) const = default;
    };

    // The error is the cause in words, with the place: "3-1 runs backwards in 0,3-1".
    static OrCause<Idset> parse(std::string_view text);
    static Idset range(std::uint32_t first, std::uint32_t last);  // first <= last

    void insert(std::uint32_t id) { insert({id, id}); }
    void insert(Range range);  // first <= last
    [[nodiscard]] bool contains(std::uint32_t id) const;
    [[nodiscard]] std::uint64_t count() const;
    [[nodiscard]] bool empty() const { return ranges_.empty(); }
    [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
    [[nodiscard]] std::string encode() const;
    bool operator==(const Idset&) const = default;

  private:
    std::vector<Range> ranges_;  // ascending, with a gap between neighbours
};

}  // namespace fluxpod
