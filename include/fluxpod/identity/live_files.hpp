// SPDX-License-Identifier: Apache-2.0
// /etc/hosts and /etc/resolv.conf as they are now. A kubelet writes the first one late, Docker
// rewrites both when a network is attached, and a hosts file of a blocklist has millions of lines:
// each question looks whether the file has changed, and no file is held in memory.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fluxpod/base/watched_file.hpp"
#include "fluxpod/formats/resolv_conf.hpp"

namespace fluxpod {

class LiveHosts {
  public:
    LiveHosts() = default;  // no name has an address
    explicit LiveHosts(std::string path) : file_(std::move(path)) {}
    // As HostsFile::addresses_of, of the file as it is now. A file that cannot be read has no
    // addresses; the log says so once, unless there is no such file.
    [[nodiscard]] std::vector<boost::asio::ip::address> addresses_of(std::string_view name) const;

  private:
    // Answers of the file as it was at the last look; asking changes nothing else.
    mutable WatchedFile file_;
    mutable std::map<std::string, std::vector<boost::asio::ip::address>, std::less<>> answers_;
    mutable std::string told_;
};

class LiveNameservers {
  public:
    LiveNameservers() = default;  // there are none
    explicit LiveNameservers(std::string path) : file_(std::move(path)) {}
    // The file's nameservers as of now. While it names none, or cannot be read, those of before:
    // a program that rewrites the file in place has emptied it first.
    [[nodiscard]] const std::vector<boost::asio::ip::address>& now();
    [[nodiscard]] const std::string& path() const { return file_.path(); }

  private:
    WatchedFile file_;
    std::vector<boost::asio::ip::address> nameservers_;
};

// The file of any length; what cannot be read is left out and told in the log, unless there is no
// such file.
[[nodiscard]] ResolvConf read_resolv_conf(const std::string& path);

}  // namespace fluxpod
