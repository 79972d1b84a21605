// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/cgroup.hpp"

#include <algorithm>

#include "cgroup_tree.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// Quota by period, in CPUs.
std::optional<double> quota_of(const CgroupTree& cgroups, const std::string& directory, bool v2) {
    std::optional<std::uint64_t> quota;
    std::optional<std::uint64_t> period;
    if (v2) {
        const auto words = split_words(cgroups.read(directory, "cpu.max").value_or(""));
        if (words.size() != 2) return std::nullopt;
        quota = parse_number<std::uint64_t>(words[0]);  // not the word "max"
        period = parse_number<std::uint64_t>(words[1]);
    } else {
        quota = cgroups.read_number(directory, "cpu.cfs_quota_us");  // not -1
        period = cgroups.read_number(directory, "cpu.cfs_period_us");
    }
    if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
    return static_cast<double>(*quota) / static_cast<double>(*period);
}

// The innermost request that is not the kernel's default, see CgroupLimits.
void read_request(const CgroupTree& cgroups, const Hierarchy& cpu, CgroupLimits& limits) {
    const std::uint64_t usual = cpu.v2 ? 100 : 1024;
    for (const auto& directory : cpu.directories) {
        const auto value = cgroups.read_number(directory, cpu.v2 ? "cpu.weight" : "cpu.shares");
        if (!value) continue;
        const CpuRange here =
            cpu.v2 ? request_of_weight(*value, limits.cpu_quota) : request_of_shares(*value);
        const CpuRange inner = limits.cpu_request.value_or(here);
        limits.cpu_request =
            CpuRange{.min = std::min(here.min, inner.min), .max = std::max(here.max, inner.max)};
        limits.cpu_request_is_default = *value == usual;
        if (*value != usual) return;
    }
}

void read_cpu(const CgroupTree& cgroups, CgroupLimits& limits) {
    const Hierarchy cpu = cgroups.hierarchy_of("cpu");
    limits.unseen = cpu.unseen;
    if (cpu.directories.empty()) return;
    limits.cpu_directory = cpu.directories.front();
    for (const auto& directory : cpu.directories) {
        limits.unseen = cgroups.why_unseen(directory, cpu.v2 ? "cpu.max" : "cpu.cfs_quota_us");
        if (!limits.unseen.empty()) return;
    }
    limits.version = cpu.v2 ? "v2" : cgroups.has_v2() ? "v1 and v2" : "v1";
    for (const auto& directory : cpu.directories) {
        const auto quota = quota_of(cgroups, directory, cpu.v2);
        if (!quota || (limits.cpu_quota && *limits.cpu_quota <= *quota)) continue;
        limits.cpu_quota = quota;
        limits.cpu_quota_directory = directory;
    }
    read_request(cgroups, cpu, limits);
}

// A child that sets none has its parent's.
std::optional<Idset> read_cpuset(const CgroupTree& cgroups) {
    const Hierarchy cpuset = cgroups.hierarchy_of("cpuset");
    for (const auto& directory : cpuset.directories) {
        for (const char* file : {"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"}) {
            auto set = Idset::parse(cgroups.read(directory, file).value_or(""));
            if (set && !set->empty()) return std::move(*set);
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> read_memory_limit(const CgroupTree& cgroups) {
    // Where v1 has no limit it shows the largest number of pages.
    constexpr std::uint64_t no_limit = std::uint64_t{1} << 60U;
    const Hierarchy memory = cgroups.hierarchy_of("memory");
    std::optional<std::uint64_t> least;
    for (const auto& directory : memory.directories) {
        const auto limit =
            cgroups.read_number(directory, memory.v2 ? "memory.max" : "memory.limit_in_bytes");
        if (limit && *limit < no_limit) least = std::min(*limit, least.value_or(*limit));
    }
    return least;
}

}  // namespace

CgroupLimits read_cgroup_limits(const std::string& root) {
    const CgroupTree cgroups(root);
    CgroupLimits limits;
    read_cpu(cgroups, limits);
    limits.cpuset = read_cpuset(cgroups);
    limits.memory_limit = read_memory_limit(cgroups);
    return limits;
}

}  // namespace fluxpod
