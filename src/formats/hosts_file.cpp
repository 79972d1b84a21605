// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hosts_file.hpp"

#include <algorithm>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/address.hpp"
#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_lines = 65536;

std::string folded(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return lower(name);
}

}  // namespace

HostsFile HostsFile::parse(std::string_view text) {
    HostsFile file;
    for (const auto& raw : split(text, '\n')) {
        if (file.lines_.size() == max_lines) break;
        const auto words = split_words(trim(raw.substr(0, raw.find('#'))));
        if (words.size() < 2) continue;
        const auto address = parse_address(words[0]);
        if (!address) continue;
        Line line{*address, {}};
        for (std::size_t i = 1; i < words.size(); ++i) {
            std::string name = folded(words[i]);
            if (is_dns_name(name)) line.names.push_back(std::move(name));
        }
        if (!line.names.empty()) file.lines_.push_back(std::move(line));
    }
    return file;
}

std::vector<boost::asio::ip::address> HostsFile::addresses_of(std::string_view name) const {
    const std::string wanted = folded(name);
    std::vector<boost::asio::ip::address> addresses;
    for (const auto& line : lines_) {
        if (std::find(line.names.begin(), line.names.end(), wanted) == line.names.end()) continue;
        if (std::find(addresses.begin(), addresses.end(), line.address) == addresses.end()) {
            addresses.push_back(line.address);
        }
    }
    return addresses;
}

}  // namespace fluxpod
