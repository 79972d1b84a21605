// SPDX-License-Identifier: Apache-2.0
// What a fuzz target says when a claim about accepted input does not hold.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

inline void must_hold(bool holds, const char* claim) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", claim);
    std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
