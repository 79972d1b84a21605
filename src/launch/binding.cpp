// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/binding.hpp"

#include <sched.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace fluxpod {

Status bind_to_cpus(const Idset& cpus) {
    // The kernel takes a mask of any length; CPU_SET's own type ends at 1024 CPUs.
    std::vector<cpu_set_t> mask(cpus.empty() ? 1 : cpus.ranges().back().last / CPU_SETSIZE + 1);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    for (const auto& range : cpus.ranges()) {
        for (std::size_t cpu = range.first; cpu <= range.last; ++cpu) {
            CPU_SET_S(cpu, bytes, mask.data());
        }
    }
    if (::sched_setaffinity(0, bytes, mask.data()) == 0) return {};
    return fail({.code = ExitCode::node_rule,
                 .doing = "bind this pod to its share of the node, CPUs",
                 .subject = cpus.encode(),
                 .cause = describe_errno(errno),
                 .tried = "",
                 .hint = "use --node-rule warn"});
}

}  // namespace fluxpod
