// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hostlist.hpp"

#include "property.hpp"

using namespace fluxpod;

namespace {

void check_place(const Hostlist& list, std::size_t place) {
    const std::string host = list.at(place);
    must_hold(!host.empty() && host.size() <= Hostlist::max_in_name, "a name has a size");
    const auto found = list.find(host);
    must_hold(found && *found <= place && list.at(*found) == host, "each host is found");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto list = Hostlist::parse(as_text(data, size));
    if (!list) {
        must_hold(!list.error().empty(), "a refusal has a reason");
        return 0;
    }
    must_hold(list->size() <= Hostlist::max_hosts, "bounded");
    const auto again = Hostlist::parse(list->encode());
    must_hold(again && again->size() == list->size(), "what was read can be written and read");
    for (const std::size_t place : {std::size_t{0}, list->size() / 2, list->size() - 1}) {
        if (list->empty()) continue;
        check_place(*list, place);
        must_hold(again->at(place) == list->at(place), "the same host at the same place");
    }
    if (const auto host = list->repeated()) {
        must_hold(list->find(*host).has_value(), "a repeated host is there");
    }
    constexpr std::size_t max_expanded = 4096;
    if (list->size() <= max_expanded) {
        must_hold(again->expand() == list->expand(), "the same hosts in the same order");
    }
    return 0;
}
