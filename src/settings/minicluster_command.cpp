// SPDX-License-Identifier: Apache-2.0
#include "minicluster_command.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// What a shell takes for more than a part of a word (POSIX.1, 2.2 Quoting).
constexpr std::string_view shell_special = "|&;<>()$`\\\"'*?[]#~!\n\r";

// "=" in the first word would be an assignment.
bool needs_shell(std::string_view command) {
    if (command.find_first_of(shell_special) != std::string_view::npos) return true;
    return command.substr(0, command.find_first_of(" \t")).find('=') != std::string_view::npos;
}

// The words before the command.
Result<std::vector<std::string>> begin_submit(const MiniClusterFile& file, std::uint32_t size,
                                              std::uint32_t tasks, std::string_view option_flags,
                                              bool debug) {
    const std::string_view flags = trim(option_flags);
    if (flags.find_first_of(shell_special) != std::string_view::npos) {
        return file.fault_at(file.spec()["flux"]["optionFlags"], "spec.flux.optionFlags",
                             "has a character that only a shell understands", "write plain words");
    }
    std::vector<std::string> command{"flux", "submit"};
    if (tasks == 0 || tasks >= size) command.push_back(fmt::format("-N{}", size));
    if (tasks > 0) command.push_back(fmt::format("-n{}", tasks));
    for (auto& word : split_words(flags)) command.push_back(std::move(word));
    if (debug) command.emplace_back("-vvv");
    command.insert(command.end(), {"--quiet", "--watch"});
    return command;
}

}  // namespace

Result<std::vector<std::string>> make_command(const MiniClusterFile& file, std::uint32_t size,
                                              std::vector<std::string>& warnings) {
    const YAML::Node spec = file.spec();
    const YAML::Node container = file.container();
    auto given = file.text_of(container["command"], "container.command");
    auto interactive = file.flag_of(spec["interactive"], "spec.interactive");
    auto launcher = file.flag_of(container["launcher"], "container.launcher");
    auto tasks = file.number_of(spec["tasks"], "spec.tasks", 1);
    auto flags = file.text_of(child(spec["flux"], "optionFlags"), "spec.flux.optionFlags");
    auto debug = file.flag_of(child(spec["logging"], "debug"), "spec.logging.debug");
    if (!given) return fail(given.error());
    if (!interactive) return fail(interactive.error());
    if (!launcher) return fail(launcher.error());
    if (!tasks) return fail(tasks.error());
    if (!flags) return fail(flags.error());
    if (!debug) return fail(debug.error());

    const std::string line(trim(*given));
    std::vector<std::string> command;
    if (line.empty()) return command;
    if (*interactive) {
        warnings.push_back(
            file.warning("container.command", "is ignored: spec.interactive is true"));
        return command;
    }
    if (!*launcher) {
        auto begun = begin_submit(file, size, *tasks, *flags, *debug);
        if (!begun) return fail(begun.error());
        command = std::move(*begun);
    }
    if (needs_shell(line)) {
        command.insert(command.end(), {"sh", "-c", line});
    } else {
        for (auto& word : split_words(line)) command.push_back(std::move(word));
    }
    return command;
}

}  // namespace fluxpod
