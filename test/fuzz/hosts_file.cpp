// SPDX-License-Identifier: Apache-2.0
// The first line is the name to look up, the rest the file.
#include "fluxpod/formats/hosts_file.hpp"

#include <algorithm>
#include <set>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/dns_name.hpp"
#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = as_text(data, size);
    const auto end = std::min(input.find('\n'), input.size());
    const std::string name(input.substr(0, end));
    const std::string text(input.substr(std::min(end + 1, input.size())));
    const auto file = HostsFile::parse(text);
    const auto addresses = file.addresses_of(name);
    must_hold(std::set(addresses.begin(), addresses.end()).size() == addresses.size(),
              "no address twice");
    must_hold(file.addresses_of(lower(name)) == addresses, "case does not matter");
    if (!name.ends_with('.')) {
        must_hold(file.addresses_of(name + ".") == addresses, "a final dot does not matter");
    }
    must_hold(HostsFile::parse(text + "\n# a comment").addresses_of(name) == addresses,
              "a comment does not matter");
    if (addresses.empty()) return 0;

    const auto bare = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    must_hold(is_dns_name(bare), "a name that is found can be asked");
    std::string lines;
    for (const auto& address : addresses) lines += address.to_string() + "\t" + name + "\n";
    must_hold(HostsFile::parse(lines).addresses_of(name) == addresses,
              "what was read can be written and read again");
    return 0;
}
