// SPDX-License-Identifier: Apache-2.0
// Host lists (Flux RFC 29): "fp-[0-3,7],login" in order, repeats and zero padding kept. Order is
// rank. Stored as ranges, so that a hundred thousand hosts cost what one costs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"

namespace fluxpod {

class Hostlist {
  public:
    // Flux's own bounds (flux-core hostlist.c), so that what is accepted here is read there:
    // a range spans at most 2^20 numbers; a token is at most 1023 characters before it is
    // expanded (encode() splits longer ones).
    static constexpr std::uint64_t most_in_range = std::uint64_t{1} << 20U;

    Hostlist() = default;
    // The error is the cause in words, with the place: "range 7-3 runs backwards in fp-[7-3]".
    // Refused: unbalanced or nested brackets, empty or reversed ranges, blanks, control
    // characters, more than 2^24 hosts in all.
    static tl::expected<Hostlist, std::string> parse(std::string_view text);

    void append(std::string_view host);
    // prefix + first..last, each number padded with zeros to `width` digits.
    void append_range(std::string_view prefix, std::uint64_t first, std::uint64_t last,
                      unsigned width, std::string_view suffix);

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::string at(std::size_t position) const;  // position < size()
    // The first position of that name; arithmetic on ranges, not a search through names.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view host) const;
    // The first name that stands twice, if any: Flux merges repeats in [bootstrap] hosts, so
    // every later rank would be another host than its name says.
    [[nodiscard]] std::optional<std::string> repeated() const;
    // RFC 29, neighbouring numbers with the same prefix, suffix and width joined.
    [[nodiscard]] std::string encode() const;
    [[nodiscard]] std::vector<std::string> expand() const;

  private:
    struct Range {
        std::string prefix, suffix;
        std::uint64_t first = 0, last = 0;
        unsigned width = 0;
        bool numbered = false;  // false: prefix is the whole name
        [[nodiscard]] std::uint64_t count() const { return numbered ? last - first + 1 : 1; }
    };
    void push(Range range);
    std::vector<Range> ranges_;
    std::size_t size_ = 0;
};

}  // namespace fluxpod
