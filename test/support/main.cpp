// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "test_data.hpp"

namespace fluxpod {

std::string test_data(const std::string& name) { return TEST_DATA "/" + name; }

}  // namespace fluxpod
