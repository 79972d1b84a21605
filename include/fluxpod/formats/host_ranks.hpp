// SPDX-License-Identifier: Apache-2.0
// The ranks that Flux gives to the names of a host list.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "fluxpod/formats/hostlist.hpp"

namespace fluxpod {

// A repeated name keeps its first rank and takes no other. Made once for many questions.
class HostRanks {
  public:
    explicit HostRanks(const Hostlist& hosts);
    [[nodiscard]] std::size_t size() const { return ranks_.size(); }
    [[nodiscard]] std::optional<std::size_t> find(const std::string& host) const;

  private:
    std::unordered_map<std::string, std::size_t> ranks_;
};

}  // namespace fluxpod
