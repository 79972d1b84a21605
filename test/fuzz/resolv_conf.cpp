// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/resolv_conf.hpp"

#include <algorithm>
#include <set>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/dns_name.hpp"
#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto conf = parse_resolv_conf(as_text(data, size));
    must_hold(conf.nameservers.size() <= 8, "at most 8 nameservers");
    must_hold(std::set(conf.nameservers.begin(), conf.nameservers.end()).size() ==
                  conf.nameservers.size(),
              "no nameserver twice");
    must_hold(conf.search.size() <= 32, "at most 32 search entries");
    must_hold(std::all_of(conf.search.begin(), conf.search.end(), is_dns_name),
              "a search entry can be asked");

    std::string text = "search " + join(conf.search, " ") + "\n";
    for (const auto& server : conf.nameservers) text += "nameserver " + server.to_string() + "\n";
    const auto again = parse_resolv_conf(text);
    must_hold(again.nameservers == conf.nameservers && again.search == conf.search,
              "what was read can be written and read again");

    const auto domain = cluster_domain_of(conf.search);
    must_hold(domain.empty() || is_dns_name(domain), "the cluster's domain can be asked");
    const auto name_space = namespace_of(conf.search);
    must_hold(name_space.find('.') == std::string::npos, "a namespace is one label");
    must_hold(domain.empty() || !name_space.empty(), "a cluster's domain comes with a namespace");
    return 0;
}
