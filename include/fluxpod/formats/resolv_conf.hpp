// SPDX-License-Identifier: Apache-2.0
// resolv.conf(5), as far as absolute names need it: nameservers (with scope id and, for tests and
// unusual containers, none), and the search list, from which the cluster's domain is read.
// Unknown lines are skipped as glibc skips them; the file is hostile input.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace fluxpod {

struct ResolvConf {
    std::vector<boost::asio::ip::address> nameservers;  // at most 8, in order, without repeats
    std::vector<std::string> search;                    // the last "search" or "domain" line
};

// Never fails: what cannot be read as a line of the format is left out.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

// One file that was parsed in two parts.
[[nodiscard]] ResolvConf followed_by(ResolvConf first, ResolvConf second);

// "cluster.local" from a search list that holds both "NS.svc.cluster.local" and
// "svc.cluster.local", as a kubelet writes it; empty if there is no such pair.
[[nodiscard]] std::string cluster_domain_of(const std::vector<std::string>& search);
// The namespace from the first entry of the form "NS.svc.DOMAIN"; empty if there is none.
[[nodiscard]] std::string namespace_of(const std::vector<std::string>& search);

}  // namespace fluxpod
