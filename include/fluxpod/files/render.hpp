// SPDX-License-Identifier: Apache-2.0
// A Plan to files: path, mode, bytes. Pure and deterministic: same plan, same bytes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

struct RenderedFile {
    std::string path;
    mode_t mode;
    std::string bytes;
};

// broker.toml, hostlist and, where planned, R and the node check. broker.toml is parsed back and
// checked with Flux's rules (error 10 if the user's TOML broke it). The certificate is not here: it
// is a secret, see apply.hpp. `parent_endpoint`: see plan/broker.hpp.
[[nodiscard]] Result<std::vector<RenderedFile>> render_files(
    const Plan& plan, const std::string& parent_endpoint = {});

}  // namespace fluxpod
