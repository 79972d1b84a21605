// SPDX-License-Identifier: Apache-2.0
// Recorded output below test/data/golden. FLUXPOD_UPDATE_GOLDEN=1 records it anew; the change is
// then seen in the diff of the commit.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "test_data.hpp"

namespace fluxpod::test {

inline void check_golden(const std::string& name, const std::string& bytes) {
    const std::string path = test_data("golden/" + name);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread
    if (std::getenv("FLUXPOD_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    std::ifstream in(path, std::ios::binary);
    const std::string recorded{std::istreambuf_iterator<char>(in), {}};
    CAPTURE(name);
    CHECK(bytes == recorded);
}

}  // namespace fluxpod::test
