// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/resolv_conf.hpp"

#include <algorithm>
#include <optional>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/address.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_nameservers = 8;
constexpr std::size_t max_search = 32;

// The words of a line, without what follows a ; or #. As in glibc, a keyword counts only at the
// very beginning of the line.
std::vector<std::string> words_of(std::string_view line) {
    if (line.starts_with(' ') || line.starts_with('\t')) return {};
    if (line.ends_with('\r')) line.remove_suffix(1);
    return split_words(line.substr(0, line.find_first_of(";#")));
}

std::vector<std::string> search_of(const std::vector<std::string>& words) {
    std::vector<std::string> search;
    for (std::size_t i = 1; i < words.size() && search.size() < max_search; ++i) {
        std::string domain = words[i];
        if (domain.ends_with('.')) domain.pop_back();
        if (is_dns_name(domain)) search.push_back(std::move(domain));
    }
    return search;
}

struct ServiceDomain {
    std::string name_space, domain;
};

std::optional<ServiceDomain> service_domain_of(std::string_view entry) {
    constexpr std::string_view marker = ".svc.";
    const auto at = entry.find('.');
    if (at == std::string_view::npos || at == 0) return std::nullopt;
    if (!entry.substr(at).starts_with(marker)) return std::nullopt;
    const auto domain = entry.substr(at + marker.size());
    if (domain.empty()) return std::nullopt;
    return ServiceDomain{std::string(entry.substr(0, at)), std::string(domain)};
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
    ResolvConf conf;
    for (const auto& line : split(text, '\n')) {
        const auto words = words_of(line);
        if (words.size() < 2) continue;
        if (words[0] == "search") conf.search = search_of(words);
        if (words[0] == "domain") conf.search = search_of({words[0], words[1]});
        if (words[0] != "nameserver" || conf.nameservers.size() == max_nameservers) continue;
        const auto address = parse_address(words[1]);
        if (!address) continue;
        const auto& known = conf.nameservers;
        if (std::find(known.begin(), known.end(), *address) == known.end()) {
            conf.nameservers.push_back(*address);
        }
    }
    return conf;
}

ResolvConf followed_by(ResolvConf first, ResolvConf second) {
    for (auto& address : second.nameservers) {
        auto& known = first.nameservers;
        if (known.size() == max_nameservers) break;
        if (std::find(known.begin(), known.end(), address) == known.end()) {
            known.push_back(std::move(address));
        }
    }
    if (!second.search.empty()) first.search = std::move(second.search);
    return first;
}

std::string cluster_domain_of(const std::vector<std::string>& search) {
    for (const auto& entry : search) {
        const auto found = service_domain_of(entry);
        if (!found) continue;
        const std::string services = "svc." + found->domain;
        if (std::find(search.begin(), search.end(), services) != search.end()) return found->domain;
    }
    return {};
}

std::string namespace_of(const std::vector<std::string>& search) {
    for (const auto& entry : search) {
        if (auto found = service_domain_of(entry)) return found->name_space;
    }
    return {};
}

}  // namespace fluxpod
