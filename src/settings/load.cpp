// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/load.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/settings/minicluster.hpp"
#include "fluxpod/settings/option_table.hpp"

namespace fluxpod {

namespace {

using Assignments = std::vector<Assignment>;

// Sources from the highest rank to the lowest, each as it was read.
using Sources = std::vector<Assignments>;

Assignments assignments_of(const Assignments& source, std::string_view option) {
    Assignments found;
    for (const auto& assignment : source) {
        if (assignment.option == option) found.push_back(assignment);
    }
    return found;
}

// What the highest source says that says anything at all; empty if none does.
Assignments winners(const Sources& sources, std::string_view option) {
    for (const auto& source : sources) {
        if (auto found = assignments_of(source, option); !found.empty()) return found;
    }
    return {};
}

std::string winner(const Sources& sources, std::string_view option) {
    auto found = winners(sources, option);
    return found.empty() ? std::string() : found.back().value;
}

bool default_config_exists() {
    std::error_code ignored;
    auto type = std::filesystem::status(default_config_file, ignored).type();
    // What cannot be looked at counts as there, so that reading it says why.
    return type != std::filesystem::file_type::not_found;
}

// The variables of these options. One at a time: a typo in another one must not hide these.
Assignments variables_of(const Environment& environment, const std::vector<std::string>& options) {
    Assignments variables;
    for (const auto& name : options) {
        auto value = environment.get(variable_name(name)).value_or("");
        if (!value.empty()) variables.push_back({name, value, variable_name(name)});
    }
    return variables;
}

Error wrong_settings(std::string subject, std::string cause, std::string hint = "") {
    return {.code = ExitCode::settings,
            .doing = "use",
            .subject = std::move(subject),
            .cause = std::move(cause),
            .hint = std::move(hint)};
}

Status store(Settings& settings, const OptionRow& row, const Assignments& assignments) {
    for (const auto& assignment : assignments) {
        auto stored = row.store(settings, assignment.value);
        if (stored) continue;
        const auto subject = fmt::format("{} {}, set by {}", row.name, in_quotes(assignment.value),
                                         assignment.origin);
        const auto hint =
            row.metavar.empty() ? std::string() : fmt::format("{} takes {}", row.name, row.metavar);
        return fail(wrong_settings(subject, "it " + stored.error(), hint));
    }
    if (!assignments.empty()) {
        settings.origins[std::string(row.name)] = assignments.back().origin;
    }
    return {};
}

// "size 4, set by FLUXPOD_SIZE"
template <class T>
std::string with_origin(const Settings& settings, const std::string& option, const T& value) {
    return fmt::format("{} {}, set by {}", option, value, settings.origin_of(option));
}

Status check_sizes(const Settings& settings) {
    const auto size = with_origin(settings, "size", settings.size);
    // With --hosts the list tells the size unless somebody said it.
    const bool size_counts = settings.hosts.empty() || settings.origins.contains("size");
    auto too_large = [](const std::string& left, const std::string& right) {
        return fail(wrong_settings(left, "it is more than " + right,
                                   "min-size, size and max-size must not decrease"));
    };
    if (settings.min_size && size_counts && *settings.min_size > settings.size) {
        return too_large(with_origin(settings, "min-size", *settings.min_size), size);
    }
    if (!settings.max_size) return {};
    const auto max_size = with_origin(settings, "max-size", *settings.max_size);
    if (size_counts && settings.size > *settings.max_size) return too_large(size, max_size);
    if (settings.min_size && *settings.min_size > *settings.max_size) {
        return too_large(with_origin(settings, "min-size", *settings.min_size), max_size);
    }
    return {};
}

Status check_parents(const Settings& settings) {
    const bool custom = settings.topology.kind == TopologySpec::Kind::custom;
    if (custom && settings.parents.empty()) {
        return fail(wrong_settings(with_origin(settings, "topology", "custom"),
                                   "no parent is given",
                                   "give --parent CHILDREN=PARENT, or topology flat"));
    }
    if (!custom && !settings.parents.empty()) {
        return fail(wrong_settings(with_origin(settings, "parent", in_quotes(settings.parents[0])),
                                   "only topology custom has parents of its own",
                                   "add --topology custom"));
    }
    return {};
}

Status check_certificate(const Settings& settings) {
    if (settings.curve_cert.empty() || settings.curve_secret.empty()) return {};
    return fail(wrong_settings(
        with_origin(settings, "curve-cert", settings.curve_cert),
        "there is also " + with_origin(settings, "curve-secret", settings.curve_secret),
        "give one of the two"));
}

Status check_together(const Settings& settings) {
    for (auto* check : {check_sizes, check_parents, check_certificate}) {
        if (auto checked = check(settings); !checked) return checked;
    }
    return {};
}

Result<MiniCluster> read_named_minicluster(const Sources& sources, unsigned command_bit) {
    const std::string path = winner(sources, "minicluster");
    // `wait` and `keygen` may find FLUXPOD_MINICLUSTER in a pod's environment: it is not for them.
    if (path.empty() || (find_option("minicluster")->commands & command_bit) == 0) {
        return MiniCluster{};
    }
    auto minicluster =
        read_minicluster(path, {.container = winner(sources, "container"),
                                .cluster_name = winner(sources, "cluster-name"),
                                .size = parse_number<std::uint32_t>(winner(sources, "size")),
                                .quiet = winner(sources, "quiet")});
    if (!minicluster) return fail(minicluster.error());
    for (const auto& warning : minicluster->warnings) log::warning("{}", warning);
    return minicluster;
}

}  // namespace

std::string Settings::origin_of(const std::string& option) const {
    auto found = origins.find(option);
    return found == origins.end() ? "default" : found->second;
}

ConfigFile find_config(const CommandLine& command_line, const Environment& environment) {
    const Sources sources{command_line.assignments, variables_of(environment, {"config"})};
    const std::string named = winner(sources, "config");
    if (!named.empty()) return read_config_file(named);
    return default_config_exists() ? read_config_file(default_config_file) : Assignments{};
}

Result<Settings> load_settings(const CommandLine& command_line, const Environment& environment,
                               const ConfigFile& config) {
    Sources sources{command_line.assignments};
    auto variables = read_environment(environment, command_line.command_bit);
    if (!variables) return fail(variables.error());
    sources.push_back(std::move(*variables));
    if (!config) return fail(config.error());
    sources.push_back(*config);
    auto minicluster = read_named_minicluster(sources, command_line.command_bit);
    if (!minicluster) return fail(minicluster.error());
    sources.push_back(std::move(minicluster->assignments));

    Settings settings;
    for (const auto& row : option_table()) {
        auto stored = store(settings, row, winners(sources, row.name));
        if (!stored) return fail(stored.error());
    }
    settings.operands = command_line.operands;
    settings.command = command_line.command;
    if (settings.command.empty()) settings.command = std::move(minicluster->command);
    if (auto checked = check_together(settings); !checked) return fail(checked.error());
    return settings;
}

Settings load_outlets(const CommandLine& command_line, const Environment& environment,
                      const ConfigFile& config) {
    const std::vector<std::string> outlets{"log-level", "log-format", "quiet", "termination-log"};
    Sources sources{command_line.assignments, variables_of(environment, outlets)};
    if (config) sources.push_back(*config);

    Settings settings;
    for (const auto& name : outlets) {
        // A wrong value leaves the default in its place, and load_settings will say so.
        (void)store(settings, *find_option(name), winners(sources, name));
    }
    return settings;
}

}  // namespace fluxpod
