// SPDX-License-Identifier: Apache-2.0
// The text of the node check (fluxpod/files/node_check.hpp), in Python. Three parts make the
// program: the imports, constants that differ from pod to pod (node_check.cpp writes them), and the
// rest.
#pragma once

#include <string_view>

namespace fluxpod {

extern const std::string_view node_check_imports;
// Uses the constants RANK, HOST, URI, NODE, RC_EXTRA, DRAINS, REQUIRED, COUNT and PACKAGES.
extern const std::string_view node_check_program;

}  // namespace fluxpod
