// SPDX-License-Identifier: Apache-2.0
// A value and where it came from, for messages that name both.
#pragma once

#include <cstdint>
#include <string>

namespace fluxpod {

template <class T>
struct Sourced {
    T value;
    std::string origin;
};
using SourcedName = Sourced<std::string>;
using SourcedNumber = Sourced<std::uint32_t>;

}  // namespace fluxpod
