// SPDX-License-Identifier: Apache-2.0
// Where this process is in the cgroup hierarchies, from /proc/self/cgroup and mountinfo, and the
// files of the directories there. It says in words what it could not read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxpod {

// The directories of one controller, from the process's own cgroup to the mount.
struct Hierarchy {
    bool v2 = false;
    std::vector<std::string> directories;
    std::string unseen;  // why there are none
};

class CgroupTree {
  public:
    // `root` is put before every path.
    explicit CgroupTree(const std::string& root);

    // A controller is in v1 or in v2, never in both.
    [[nodiscard]] Hierarchy hierarchy_of(std::string_view controller) const;
    [[nodiscard]] bool has_v2() const;

    // Returns a file's text without blanks around it; nullopt if it cannot be read.
    [[nodiscard]] std::optional<std::string> read(const std::string& directory,
                                                  std::string_view file) const;
    // nullopt also if it is not a whole number, such as "max" and -1.
    [[nodiscard]] std::optional<std::uint64_t> read_number(const std::string& directory,
                                                           std::string_view file) const;
    // Returns why the limit in `file` may exist unseen, or "" if it is read or is not there.
    [[nodiscard]] std::string why_unseen(const std::string& directory, std::string_view file) const;

  private:
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

    static std::vector<Membership> parse_memberships(const std::string& text);
    static std::optional<Mount> parse_mount(const std::string& line);
    template <class Wanted>
    [[nodiscard]] Hierarchy way_up(const Membership& membership, bool v2, Wanted wanted) const;

    std::string root_;
    std::string unseen_;
    std::vector<Membership> memberships_;
    std::vector<Mount> mounts_;
};

}  // namespace fluxpod
