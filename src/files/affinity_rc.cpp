// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/affinity_rc.hpp"

namespace fluxpod {

std::string render_affinity_rc() {
    return R"(-- Made by fluxpod: this pod's CPUs are a share of time, not cores of its own.
if shell.options["cpu-affinity"] == nil then
    shell.options["cpu-affinity"] = "off"
end
)";
}

}  // namespace fluxpod
