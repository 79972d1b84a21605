// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// A machine with many containers has many mounts.
constexpr std::size_t max_mountinfo_bytes = std::size_t{16} << 20U;

// ---- /proc/self/cgroup and mountinfo ------------------------------------------------------------

// A line of /proc/self/cgroup. Without controllers it is the one of cgroup v2.
struct Membership {
    std::vector<std::string> controllers;
    std::string path;
};

// A mounted hierarchy, or the part of it below `root`.
struct Mount {
    bool v2 = false;
    std::vector<std::string> controllers;  // v1 only
    std::string root;
    std::string point;
};

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

std::vector<Membership> parse_memberships(const std::string& text) {
    std::vector<Membership> memberships;
    for (const auto& line : split(text, '\n')) {
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        // A path that begins otherwise is none: nothing can be above it.
        if (second == std::string::npos || line.substr(second + 1, 1) != "/") continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        memberships.push_back(
            {controllers.empty() ? std::vector<std::string>{} : split(controllers, ','),
             line.substr(second + 1)});
    }
    return memberships;
}

// mountinfo writes blanks and backslashes of a path as \ooo.
std::string unescaped(const std::string& text) {
    auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                            is_octal(text[i + 2]) && is_octal(text[i + 3]);
        if (!escape) {
            plain += text[i];
            continue;
        }
        plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                   (text[i + 3] - '0'));
        i += 3;
    }
    return plain;
}

// "36 35 98:0 /root /point options optional... - type source super-options", proc(5).
std::optional<Mount> parse_mount(const std::string& line) {
    const auto words = split_words(line);
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 10 || words.end() - dash < 4) return std::nullopt;
    const std::string& type = *(dash + 1);
    if (type != "cgroup" && type != "cgroup2") return std::nullopt;
    return Mount{
        .v2 = type == "cgroup2",
        .controllers = type == "cgroup" ? split(*(dash + 3), ',') : std::vector<std::string>{},
        .root = unescaped(words[3]),
        .point = unescaped(words[4])};
}

// ---- the process's own cgroup -------------------------------------------------------------------

// Returns the path below `root`, or nullopt if it is elsewhere.
std::optional<std::string> below(const std::string& path, const std::string& root) {
    if (root == "/") return path == "/" ? "" : path;
    if (!path.starts_with(root)) return std::nullopt;
    if (path.size() > root.size() && path[root.size()] != '/') return std::nullopt;
    return path.substr(root.size());
}

// The directories of one controller, from the process's own cgroup to the mount.
struct Hierarchy {
    bool v2 = false;
    std::vector<std::string> directories;
    std::string unseen;  // why there are none
};

class Cgroups {
  public:
    explicit Cgroups(const std::string& root) : root_(root) {
        auto members = read_file(root + memberships_file);
        if (!members) unseen_ = could_not_read(memberships_file, members.error().cause);
        memberships_ = parse_memberships(members.value_or(""));
        auto mounts = read_file(root + mounts_file, max_mountinfo_bytes);
        if (!mounts && unseen_.empty()) unseen_ = could_not_read(mounts_file, mounts.error().cause);
        for (const auto& line : split(mounts.value_or(""), '\n')) {
            if (auto mount = parse_mount(line)) mounts_.push_back(std::move(*mount));
        }
    }

    // A controller is in v1 or in v2, never in both.
    [[nodiscard]] Hierarchy hierarchy_of(std::string_view controller) const {
        for (const auto& membership : memberships_) {
            if (contains(membership.controllers, controller)) {
                return way_up(membership, false, [&](const Mount& mount) {
                    return !mount.v2 && contains(mount.controllers, controller);
                });
            }
        }
        for (const auto& membership : memberships_) {
            if (membership.controllers.empty()) return way_up(membership, true, &Mount::v2);
        }
        return {.v2 = false,
                .directories = {},
                .unseen = !unseen_.empty() ? unseen_
                                           : fmt::format("{} has no line for the controller {}",
                                                         memberships_file, controller)};
    }

    [[nodiscard]] bool has_v2() const {
        return std::ranges::any_of(mounts_, [](const Mount& mount) { return mount.v2; });
    }

    [[nodiscard]] std::optional<std::string> read(const std::string& directory,
                                                  std::string_view file) const {
        auto text = read_file(root_ + directory + "/" + std::string(file));
        if (!text) return std::nullopt;
        return std::string(trim(*text));
    }

    // Every cgroup of either version has its list of processes; what hides it hides the limits. A
    // limit's own file may be missing (the root of v2 has none), but not be unreadable.
    [[nodiscard]] std::string why_unseen(const std::string& directory,
                                         std::string_view file) const {
        const std::string mark = directory + "/cgroup.procs";
        struct stat info {};
        if (::stat((root_ + mark).c_str(), &info) != 0) return could_not_read(mark, errno);
        const std::string path = directory + "/" + std::string(file);
        const Fd opened(::open((root_ + path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!opened.valid() && errno != ENOENT) return could_not_read(path, errno);
        return "";
    }

    [[nodiscard]] std::optional<std::uint64_t> read_number(const std::string& directory,
                                                           std::string_view file) const {
        const auto text = read(directory, file);
        return text ? parse_number<std::uint64_t>(*text) : std::nullopt;
    }

  private:
    // In both files a cgroup namespace shows what is outside of it as "/..".
    static bool is_outside(const std::string& path) { return path.starts_with("/.."); }

    static std::string could_not_read(std::string_view what, std::string_view why) {
        return fmt::format("the cgroup limits could not be read: {}: {}", what, why);
    }
    static std::string could_not_read(std::string_view what, int error_number) {
        return could_not_read(what, describe_errno(error_number));
    }

    template <class Wanted>
    [[nodiscard]] Hierarchy way_up(const Membership& membership, bool v2, Wanted wanted) const {
        bool is_mounted = false;
        for (const auto& mount : mounts_) {
            if (!std::invoke(wanted, mount)) continue;
            is_mounted = true;
            if (is_outside(mount.root) || is_outside(membership.path)) continue;
            if (auto relative = below(membership.path, mount.root)) {
                return {.v2 = v2,
                        .directories = directories(mount.point, std::move(*relative)),
                        .unseen = ""};
            }
        }
        return {.v2 = v2,
                .directories = {},
                .unseen = could_not_read(membership.path,
                                         is_mounted ? "no mount shows this process's own cgroup"
                                                    : "its hierarchy is not mounted")};
    }

    static std::vector<std::string> directories(const std::string& point, std::string relative) {
        std::vector<std::string> found;
        while (!relative.empty()) {
            found.push_back(point + relative);
            relative.resize(relative.find_last_of('/'));
        }
        found.push_back(point);
        return found;
    }

    static constexpr const char* memberships_file = "/proc/self/cgroup";
    static constexpr const char* mounts_file = "/proc/self/mountinfo";

    std::string root_;
    std::string unseen_;
    std::vector<Membership> memberships_;
    std::vector<Mount> mounts_;
};

// ---- limits -------------------------------------------------------------------------------------

// Quota by period, in CPUs.
std::optional<double> quota_of(const Cgroups& cgroups, const std::string& directory, bool v2) {
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
void read_request(const Cgroups& cgroups, const Hierarchy& cpu, CgroupLimits& limits) {
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

void read_cpu(const Cgroups& cgroups, CgroupLimits& limits) {
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
std::optional<Idset> read_cpuset(const Cgroups& cgroups) {
    const Hierarchy cpuset = cgroups.hierarchy_of("cpuset");
    for (const auto& directory : cpuset.directories) {
        for (const char* file : {"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"}) {
            auto set = Idset::parse(cgroups.read(directory, file).value_or(""));
            if (set && !set->empty()) return std::move(*set);
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> read_memory_limit(const Cgroups& cgroups) {
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

// ---- shares and weights -------------------------------------------------------------------------

// The kernel's bounds for cpu.shares. The kubelet puts what is beyond them on them.
constexpr std::uint64_t least_shares = 2;
constexpr std::uint64_t max_shares = 262144;
constexpr double shares_per_cpu = 1024;

std::uint64_t weight_by_line(std::uint64_t shares) {
    return 1 + (shares - least_shares) * 9999 / (max_shares - least_shares);
}

// Through (2, 1), (1024, 100) and (262144, 10000), so that the defaults meet.
std::uint64_t weight_by_curve(std::uint64_t shares) {
    const double l = std::log2(static_cast<double>(shares));
    const double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
    return static_cast<std::uint64_t>(std::ceil(std::pow(10, exponent)));
}

// The least shares with at least this weight; both formulas only grow.
std::uint64_t least_with(std::uint64_t (*weight_of)(std::uint64_t), std::uint64_t weight) {
    std::uint64_t low = least_shares;
    std::uint64_t high = max_shares + 1;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (weight_of(middle) < weight) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// The requests between two shares, both included.
CpuRange request_between(std::uint64_t first, std::uint64_t last) {
    return {
        .min = first <= least_shares ? 0 : static_cast<double>(first) / shares_per_cpu,
        .max = last >= max_shares ? std::numeric_limits<double>::infinity()
                                  : static_cast<double>(last + 1) / shares_per_cpu,
    };
}

bool agrees(const CpuRange& range, double cpus) { return range.min <= cpus && cpus <= range.max; }

}  // namespace

CpuRange request_of_shares(std::uint64_t shares) {
    const std::uint64_t known = std::clamp(shares, least_shares, max_shares);
    return request_between(known, known);
}

CpuRange request_of_weight(std::uint64_t weight, const std::optional<double>& quota) {
    const std::uint64_t known = std::clamp<std::uint64_t>(weight, 1, 10000);
    auto range_by = [&](std::uint64_t (*weight_of)(std::uint64_t)) {
        const std::uint64_t first = std::min(least_with(weight_of, known), max_shares);
        const std::uint64_t last = least_with(weight_of, known + 1) - 1;
        // A weight that the formula jumps over stands for what is next to it.
        return request_between(first, std::max(first, std::min(last, max_shares)));
    };
    const CpuRange line = range_by(weight_by_line);
    const CpuRange curve = range_by(weight_by_curve);
    if (quota && agrees(line, *quota) != agrees(curve, *quota)) {
        return agrees(line, *quota) ? line : curve;
    }
    return {.min = std::min(line.min, curve.min), .max = std::max(line.max, curve.max)};
}

CgroupLimits read_cgroup_limits(const std::string& root) {
    const Cgroups cgroups(root);
    CgroupLimits limits;
    read_cpu(cgroups, limits);
    limits.cpuset = read_cpuset(cgroups);
    limits.memory_limit = read_memory_limit(cgroups);
    return limits;
}

}  // namespace fluxpod
