// SPDX-License-Identifier: Apache-2.0
// Host lists (Flux RFC 29): "fp-[0-3,7],login" in order, repeats and zero padding kept. Order is
// rank. Stored as ranges, so that a hundred thousand hosts cost what one costs.
//
// If RFC 29 and flux-core differ, flux-core decides, since it is what boots: each range of a
// bracket is padded like its own first number, so that "fp-[08,9]" is fp-08 and fp-9. encode()
// writes only what both read alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

class Hostlist {
  public:
    // Flux's own bounds (flux-core hostlist.c, hostrange.c), so that what is accepted here is
    // read there: a range spans at most 2^20 numbers; a token is at most 1023 characters before
    // it is expanded (encode() splits longer ones); a name is at most 255 characters.
    static constexpr std::uint64_t max_in_range = std::uint64_t{1} << 20U;
    static constexpr std::size_t max_in_token = 1023;
    static constexpr std::size_t max_in_name = 255;
    // Ours: no instance is larger, and a list may be expanded.
    static constexpr std::uint64_t max_hosts = std::uint64_t{1} << 20U;

    Hostlist() = default;
    // The error is the cause in words, with the place: "range 7-3 runs backwards in fp-[7-3]".
    // Refused: unbalanced or nested brackets, more than one bracket in a name, empty names and
    // ranges, reversed ranges, anything but printable ASCII without blanks, numbers of more than
    // 18 digits beside leading zeros (Flux drops such a host without a word), more than
    // max_hosts hosts. The empty text is the empty list.
    static OrCause<Hostlist> parse(std::string_view text);

    void append(std::string_view host);  // one name, taken as it is
    // prefix + first..last, each number padded with zeros to `width` digits. first <= last.
    void append_range(std::string_view prefix, std::uint64_t first, std::uint64_t last,
                      unsigned width, std::string_view suffix);

    void append(const Hostlist& other);
    // The hosts from position `first` on, at most `count` of them. Ranges stay ranges.
    [[nodiscard]] Hostlist slice(std::size_t first, std::size_t count) const;

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::string at(std::size_t position) const;  // position < size()
    // The first position of that name; arithmetic on ranges, not a search through names.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view host) const;
    // A name that is in the list twice, if any: Flux merges repeats in [bootstrap] hosts, so every
    // later rank would be another host than its name says.
    [[nodiscard]] std::optional<std::string> repeated() const;
    // RFC 29, neighbouring numbers with the same prefix, suffix and width joined.
    [[nodiscard]] std::string encode() const;
    [[nodiscard]] std::vector<std::string> expand() const;
    // The first and the last name of each range. Those between them differ from the last one in
    // digits only, and are not longer: what is true of these two is true of all.
    [[nodiscard]] std::vector<std::string> boundary_names() const;

  private:
    struct Range {
        std::string prefix, suffix;
        std::uint64_t first = 0, last = 0;
        unsigned width = 0;     // at least the digits of `first`
        bool numbered = false;  // false: prefix is the whole name
        std::size_t start = 0;  // position of the first host
        [[nodiscard]] std::uint64_t count() const { return numbered ? last - first + 1 : 1; }
        [[nodiscard]] std::string name(std::uint64_t number) const;
        [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view host) const;
        [[nodiscard]] bool continues(const Range& before) const;
        [[nodiscard]] bool shares_token_with(const Range& head, std::uint64_t head_number) const;
    };
    void push(Range range);
    OrCause<void> append_token(std::string_view text);
    [[nodiscard]] OrCause<void> check_size() const;
    std::vector<Range> ranges_;
    std::size_t size_ = 0;
};

}  // namespace fluxpod
