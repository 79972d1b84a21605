// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/gpus.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// Opened, and not only looked at: the devices cgroup refuses what the mode allows.
bool opens(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISCHR(info.st_mode)) return false;
    return Fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)).valid();
}

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (std::filesystem::directory_iterator entry(directory, ignored), end;
         !ignored && entry != end; entry.increment(ignored)) {
        names.push_back(entry->path().filename());
    }
    return names;
}

std::uint32_t count_nvidia(const std::string& root) {
    constexpr std::string_view prefix = "nvidia";  // and not nvidiactl, nvidia-uvm
    std::uint32_t count = 0;
    for (const auto& name : names_in(root + "/dev")) {
        const bool numbered = name.starts_with(prefix) &&
                              parse_number<std::uint32_t>(name.substr(prefix.size())).has_value();
        if (numbered && opens(fmt::format("{}/dev/{}", root, name))) ++count;
    }
    return count;
}

// The number of the render node that the driver made for a KFD node; CPUs have none.
std::optional<std::uint32_t> render_minor(const std::string& properties) {
    for (const auto& line : split(properties, '\n')) {
        const auto words = split_words(line);
        if (words.size() != 2 || words[0] != "drm_render_minor") continue;
        const auto minor = parse_number<std::uint32_t>(words[1]);
        return minor && *minor > 0 ? minor : std::nullopt;
    }
    return std::nullopt;
}

std::uint32_t count_amd(const std::string& root) {
    const std::string nodes = root + "/sys/class/kfd/kfd/topology/nodes";
    const auto names = names_in(nodes);
    if (names.empty() || !opens(root + "/dev/kfd")) return 0;
    std::uint32_t count = 0;
    for (const auto& name : names) {
        const auto properties =
            read_file(fmt::format("{}/{}/properties", nodes, name)).value_or("");
        const auto minor = render_minor(properties);
        if (minor && opens(fmt::format("{}/dev/dri/renderD{}", root, *minor))) ++count;
    }
    return count;
}

}  // namespace

std::uint32_t count_gpus(const std::string& root) { return count_nvidia(root) + count_amd(root); }

}  // namespace fluxpod
