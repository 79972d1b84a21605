// SPDX-License-Identifier: Apache-2.0
// What the kernel or a sandbox shows of this process's cgroups: /proc/self/cgroup, mountinfo and
// the files of a cgroup, with a line "=" between them.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <string>

#include "fluxpod/base/file.hpp"
#include "fluxpod/node/cgroup.hpp"
#include "property.hpp"

using namespace fluxpod;

namespace {

constexpr std::array files{"/proc/self/cgroup",    "/proc/self/mountinfo",
                           "/cg/cpu.max",          "/cg/cpu.weight",
                           "/cg/cpu.cfs_quota_us", "/cg/cpu.cfs_period_us",
                           "/cg/cpu.shares",       "/cg/cpuset.cpus.effective",
                           "/cg/memory.max",       "/cg/memory.limit_in_bytes"};

std::string make_root() {
    const std::string root = "/dev/shm/fluxpod-fuzz-" + std::to_string(::getpid());
    for (const char* directory : {"", "/proc", "/proc/self", "/cg"}) {
        must_hold(::mkdir((root + directory).c_str(), 0700) == 0, "a root of our own");
    }
    return root;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string root = make_root();
    auto rest = as_text(data, size);
    for (const char* file : files) {
        const auto end = rest.find("\n=\n");
        const auto written =
            write_file_atomically(root + file, rest.substr(0, end), 0600, Durability::until_reboot);
        must_hold(written.has_value(), "the input as files");
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 3);
    }
    const CgroupLimits limits = read_cgroup_limits(root);
    must_hold(!limits.cpu_quota || (*limits.cpu_quota > 0 && std::isfinite(*limits.cpu_quota)),
              "a quota is a positive number");
    must_hold(!limits.cpu_quota || !limits.cpu_quota_directory.empty(), "a quota has a directory");
    must_hold(!limits.cpu_request || limits.cpu_request->min <= limits.cpu_request->max,
              "a request lies between its bounds");
    must_hold(!limits.cpuset || !limits.cpuset->empty(), "a cpuset has CPUs");
    return 0;
}
