// SPDX-License-Identifier: Apache-2.0
#include "cgroup_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

constexpr const char* memberships_file = "/proc/self/cgroup";
constexpr const char* mounts_file = "/proc/self/mountinfo";
// A machine with many containers has many mounts.
constexpr std::size_t max_mountinfo_bytes = std::size_t{16} << 20U;

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
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

// Returns the path below `root`, or nullopt if it is elsewhere.
std::optional<std::string> below(const std::string& path, const std::string& root) {
    if (root == "/") return path == "/" ? "" : path;
    if (!path.starts_with(root)) return std::nullopt;
    if (path.size() > root.size() && path[root.size()] != '/') return std::nullopt;
    return path.substr(root.size());
}

// In both files a cgroup namespace shows what is outside of it as "/..".
bool is_outside(const std::string& path) { return path.starts_with("/.."); }

std::string could_not_read(std::string_view what, std::string_view why) {
    return fmt::format("the cgroup limits could not be read: {}: {}", what, why);
}
std::string could_not_read(std::string_view what, int error_number) {
    return could_not_read(what, describe_errno(error_number));
}

std::vector<std::string> directories_of(const std::string& point, std::string relative) {
    std::vector<std::string> found;
    while (!relative.empty()) {
        found.push_back(point + relative);
        relative.resize(relative.find_last_of('/'));
    }
    found.push_back(point);
    return found;
}

}  // namespace

CgroupTree::CgroupTree(const std::string& root) : root_(root) {
    auto members = read_file(root + memberships_file);
    if (!members) unseen_ = could_not_read(memberships_file, members.error().cause);
    memberships_ = parse_memberships(members.value_or(""));
    auto mounts = read_file(root + mounts_file, max_mountinfo_bytes);
    if (!mounts && unseen_.empty()) unseen_ = could_not_read(mounts_file, mounts.error().cause);
    for (const auto& line : split(mounts.value_or(""), '\n')) {
        if (auto mount = parse_mount(line)) mounts_.push_back(std::move(*mount));
    }
}

std::vector<CgroupTree::Membership> CgroupTree::parse_memberships(const std::string& text) {
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

// "36 35 98:0 /root /point options optional... - type source super-options", proc(5).
std::optional<CgroupTree::Mount> CgroupTree::parse_mount(const std::string& line) {
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

template <class Wanted>
Hierarchy CgroupTree::way_up(const Membership& membership, bool v2, Wanted wanted) const {
    bool is_mounted = false;
    for (const auto& mount : mounts_) {
        if (!std::invoke(wanted, mount)) continue;
        is_mounted = true;
        if (is_outside(mount.root) || is_outside(membership.path)) continue;
        if (auto relative = below(membership.path, mount.root)) {
            return {.v2 = v2,
                    .directories = directories_of(mount.point, std::move(*relative)),
                    .unseen = ""};
        }
    }
    return {.v2 = v2,
            .directories = {},
            .unseen = could_not_read(membership.path,
                                     is_mounted ? "no mount shows this process's own cgroup"
                                                : "its hierarchy is not mounted")};
}

Hierarchy CgroupTree::hierarchy_of(std::string_view controller) const {
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

bool CgroupTree::has_v2() const {
    return std::ranges::any_of(mounts_, [](const Mount& mount) { return mount.v2; });
}

std::optional<std::string> CgroupTree::read(const std::string& directory,
                                            std::string_view file) const {
    auto text = read_file(root_ + directory + "/" + std::string(file));
    if (!text) return std::nullopt;
    return std::string(trim(*text));
}

// Every cgroup of either version has its list of processes; what hides it hides the limits. A
// limit's own file may be missing (the root of v2 has none), but not be unreadable.
std::string CgroupTree::why_unseen(const std::string& directory, std::string_view file) const {
    const std::string mark = directory + "/cgroup.procs";
    struct stat info {};
    if (::stat((root_ + mark).c_str(), &info) != 0) return could_not_read(mark, errno);
    const std::string path = directory + "/" + std::string(file);
    const Fd opened(::open((root_ + path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!opened.valid() && errno != ENOENT) return could_not_read(path, errno);
    return "";
}

std::optional<std::uint64_t> CgroupTree::read_number(const std::string& directory,
                                                     std::string_view file) const {
    const auto text = read(directory, file);
    return text ? parse_number<std::uint64_t>(*text) : std::nullopt;
}

}  // namespace fluxpod
