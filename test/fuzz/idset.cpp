// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/idset.hpp"

#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto set = Idset::parse(as_text(data, size));
    if (!set) {
        must_hold(!set.error().empty(), "a refusal has a reason");
        return 0;
    }
    std::uint64_t next = 0;  // the least that the next range may begin with
    std::uint64_t count = 0;
    for (const auto& range : set->ranges()) {
        must_hold(range.first >= next && range.first <= range.last, "ranges ascend with gaps");
        must_hold(range.last <= Idset::max_id, "bounded");
        must_hold(set->contains(range.first) && set->contains(range.last), "its ends are in it");
        must_hold(!set->contains(range.last + 1), "what follows a range is not in it");
        next = std::uint64_t{range.last} + 2;
        count += std::uint64_t{range.last} - range.first + 1;
    }
    must_hold(count == set->count(), "the count is that of the ranges");
    const auto again = Idset::parse(set->encode());
    must_hold(again && *again == *set, "what was read can be written and read again");
    return 0;
}
