// SPDX-License-Identifier: Apache-2.0
// What this process's cgroups give it: CPU quota, CPU request, cpuset, memory. cgroup v1, v2 and
// both at once, found through /proc/self/cgroup and mountinfo, with a cgroup namespace and without.
// Read, not judged. If something cannot be read, `unseen` says so: it is not free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fluxpod/formats/idset.hpp"
#include "fluxpod/node/cpu_request.hpp"

namespace fluxpod {

struct CgroupLimits {
    // Why limits on CPUs may exist that were not read; empty: all of the path was read.
    std::string unseen;
    std::string cpu_directory;  // where the CPU controller has this process; empty: not known
    std::string version;        // "v1", "v2"; "v1 and v2" where CPU is v1 and others are v2; or ""
    std::optional<double>
        cpu_quota;  // in CPUs, the least on the way to the root of what is mounted
    std::string cpu_quota_directory;  // which of them sets it
    // Recovered from cpu.shares or cpu.weight: the innermost on the way to the root that is not the
    // kernel's default (a process may run in a leaf of its own below the container's cgroup). A
    // default below it widens the range, since it also means one CPU. Kubernetes always sets one;
    // elsewhere a default is what nobody set.
    std::optional<CpuRange> cpu_request;
    bool cpu_request_is_default = false;
    std::optional<Idset> cpuset;                // effective
    std::optional<std::uint64_t> memory_limit;  // in bytes, the least on the way to the root
};

// `root` is put before every path, so that a test has its own /proc and /sys.
[[nodiscard]] CgroupLimits read_cgroup_limits(const std::string& root = "");

}  // namespace fluxpod
