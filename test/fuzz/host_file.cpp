// SPDX-License-Identifier: Apache-2.0
// The MPI host file of `wait hosts:`.
#include <set>

#include "fluxpod/base/text.hpp"
#include "fluxpod/gates/target.hpp"
#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto hosts = parse_host_file(as_text(data, size));
    if (!hosts) {
        must_hold(!hosts.error().empty(), "a refusal has a reason");
        return 0;
    }
    must_hold(std::set(hosts->begin(), hosts->end()).size() == hosts->size(), "no host twice");
    for (const auto& host : *hosts) {
        must_hold(printable(host) == host, "a host can be part of a message as it is");
    }
    const auto again = parse_host_file(join(*hosts, "\n") + "\n");
    must_hold(again == hosts, "what was read can be written and read again");
    return 0;
}
