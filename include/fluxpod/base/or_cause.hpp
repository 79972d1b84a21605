// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace fluxpod {

// What reading gives: a value, or the cause in words why it is none, which an Error then quotes.
template <class T>
using OrCause = tl::expected<T, std::string>;

}  // namespace fluxpod
