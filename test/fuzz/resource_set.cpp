// SPDX-License-Identifier: Apache-2.0
// R, which a user may give and an archive may hold.
#include "fluxpod/formats/resource_set.hpp"

#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto set = ResourceSet::parse(as_text(data, size));
    if (!set) {
        must_hold(!set.error().empty(), "a refusal has a reason");
        return 0;
    }
    must_hold(!set->entries.empty(), "R has an entry");
    for (const auto& entry : set->entries) {
        must_hold(!entry.ranks.empty(), "an entry has ranks");
    }
    for (const auto& [name, ranks] : set->properties) {
        must_hold(is_property_name(name), "a property has a name that RFC 20 allows");
    }
    const std::string text = set->encode();
    const auto again = ResourceSet::parse(text);
    must_hold(again && again->encode() == text, "what was read can be written and read again");
    return 0;
}
