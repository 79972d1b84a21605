// SPDX-License-Identifier: Apache-2.0
// hosts(5): an address and its names per line. Kubernetes writes the pod's own address and names
// there, Docker those of linked containers. Hostile input: bounded, and bad lines are skipped.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace fluxpod {

class HostsFile {
  public:
    static HostsFile parse(std::string_view text);
    // All addresses of a name, in order, compared without case; a final dot is ignored.
    [[nodiscard]] std::vector<boost::asio::ip::address> addresses_of(std::string_view name) const;

  private:
    struct Line {
        boost::asio::ip::address address;
        std::vector<std::string> names;  // lower case
    };
    std::vector<Line> lines_;
};

}  // namespace fluxpod
