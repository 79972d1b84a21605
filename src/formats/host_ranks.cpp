// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/host_ranks.hpp"

#include <utility>

namespace fluxpod {

HostRanks::HostRanks(const Hostlist& hosts) {
    ranks_.reserve(hosts.size());
    for (auto& name : hosts.expand()) ranks_.emplace(std::move(name), ranks_.size());
}

std::optional<std::size_t> HostRanks::find(const std::string& host) const {
    const auto found = ranks_.find(host);
    if (found == ranks_.end()) return std::nullopt;
    return found->second;
}

}  // namespace fluxpod
