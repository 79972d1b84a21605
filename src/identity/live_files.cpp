// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/live_files.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/hosts_file.hpp"

namespace fluxpod {

namespace {

bool is_missing(const FileFailure& failure) {
    return failure.error_number == ENOENT || failure.error_number == ENOTDIR;
}

void warn(const std::string& path, const FileFailure& failure) {
    log::warning("cannot read {}: {}; {}", path, failure.cause,
                 failure.error_number == EFBIG ? "the rest of it is ignored" : "it is ignored");
}

// Whether `name`, in lower case, occurs in the text in any case. Most lines of a long file are
// about other names, and parsing them would cost a hundred times as much.
bool mentions(std::string_view text, std::string_view name) {
    const auto same_letter = [](char c, char lower) {
        return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == lower;
    };
    return std::search(text.begin(), text.end(), name.begin(), name.end(), same_letter) !=
           text.end();
}

}  // namespace

std::vector<boost::asio::ip::address> LiveHosts::addresses_of(std::string_view name) const {
    std::string wanted = lower(name);
    if (wanted.ends_with('.')) wanted.pop_back();
    if (wanted.empty() || file_.path().empty()) return {};
    if (file_.changed()) answers_.clear();
    if (const auto known = answers_.find(wanted); known != answers_.end()) return known->second;

    std::vector<boost::asio::ip::address> addresses;
    const auto read = file_.read_lines([&](std::string_view lines) {
        if (!mentions(lines, wanted)) return;
        for (const auto& address : HostsFile::parse(lines).addresses_of(wanted)) {
            if (std::ranges::find(addresses, address) == addresses.end()) {
                addresses.push_back(address);
            }
        }
    });
    if (!read && !is_missing(read.error()) &&
        std::exchange(told_, read.error().cause) != read.error().cause) {
        warn(file_.path(), read.error());
    }
    if (read) told_.clear();
    answers_.emplace(std::move(wanted), addresses);
    return addresses;
}

const std::vector<boost::asio::ip::address>& LiveNameservers::now() {
    if (!file_.path().empty() && file_.changed()) {
        auto conf = read_resolv_conf(file_.path());
        if (!conf.nameservers.empty()) nameservers_ = std::move(conf.nameservers);
    }
    return nameservers_;
}

ResolvConf read_resolv_conf(const std::string& path) {
    ResolvConf whole;
    const auto read = WatchedFile(path).read_lines([&whole](std::string_view lines) {
        whole = followed_by(std::move(whole), parse_resolv_conf(lines));
    });
    if (!read && !is_missing(read.error())) warn(path, read.error());
    return whole;
}

}  // namespace fluxpod
