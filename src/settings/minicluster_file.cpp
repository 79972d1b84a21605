// SPDX-License-Identifier: Apache-2.0
#include "minicluster_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// A plain word may be a number or a boolean; one in quotes is a string and nothing else.
bool is_quoted(const YAML::Node& node) { return node.Tag() == "!"; }

// Empty if it is not there, or `map` is not a map.
std::string scalar_at(const YAML::Node& map, const char* key) {
    if (!map.IsDefined() || !map.IsMap()) return "";
    const YAML::Node node = map[key];
    return node.IsDefined() && node.IsScalar() ? node.Scalar() : "";
}

}  // namespace

bool is_absent(const YAML::Node& node) { return !node.IsDefined() || node.IsNull(); }

bool says_something(const YAML::Node& node) {
    if (is_absent(node)) return false;
    if (node.IsScalar()) {
        const std::string& text = node.Scalar();
        return !text.empty() && text != "false" && text != "0";
    }
    return std::any_of(node.begin(), node.end(), [](const auto& each) {
        return says_something(each.second.IsDefined() ? each.second : each);
    });
}

YAML::Node child(const YAML::Node& map, const char* key) {
    if (is_absent(map)) return YAML::Node(YAML::NodeType::Null);
    return map[key];
}

Result<MiniClusterFile> MiniClusterFile::open(const std::string& path,
                                              const StrongerSettings& stronger) {
    MiniClusterFile file(path);
    if (auto status = file.find_document(stronger.cluster_name); !status) {
        return fail(status.error());
    }
    if (auto status = file.find_container(stronger.container); !status) {
        return fail(status.error());
    }
    return file;
}

MiniClusterFile::Fault MiniClusterFile::fault(std::string cause, std::string hint) const {
    return fail(
        {ExitCode::settings, "read the MiniCluster", path_, std::move(cause), "", std::move(hint)});
}

MiniClusterFile::Fault MiniClusterFile::fault_at(const YAML::Node& node, std::string_view field,
                                                 std::string_view cause,
                                                 std::string_view hint) const {
    return fault(fmt::format("{}: {} {}", position_of(node), shown(field), cause),
                 std::string(hint));
}

std::string MiniClusterFile::shown(std::string_view field) const {
    constexpr std::string_view prefix = "container";
    if (!field.starts_with(prefix)) return std::string(field);
    return fmt::format("spec.containers[{}]{}", container_index_, field.substr(prefix.size()));
}

std::string MiniClusterFile::warning(std::string_view field, std::string_view why) const {
    return fmt::format("{} of {} {}", shown(field), path_, why);
}

Status MiniClusterFile::find_document(const std::string& cluster_name) {
    auto bytes = read_file(path_, max_yaml_bytes);
    if (!bytes) return fault(bytes.error().cause);
    auto documents = parse_yaml(*bytes);
    if (!documents) return fault(documents.error());
    std::vector<std::pair<std::string, YAML::Node>> found;
    for (const YAML::Node& document : *documents) {
        if (scalar_at(document, "kind") != "MiniCluster") continue;
        const YAML::Node metadata = document["metadata"];
        found.emplace_back(scalar_at(metadata, "name"), document);
    }
    if (found.empty()) return fault("no document of kind MiniCluster");
    // One alone may be given another name.
    auto chosen = found.begin();
    if (found.size() > 1) {
        const auto is_meant = [&](const auto& each) { return each.first == cluster_name; };
        if (std::ranges::count_if(found, is_meant) != 1) return several_clusters(found);
        chosen = std::ranges::find_if(found, is_meant);
    }
    document_.reset(chosen->second);
    return check_document();
}

MiniClusterFile::Fault MiniClusterFile::several_clusters(
    const std::vector<std::pair<std::string, YAML::Node>>& found) const {
    std::vector<std::string> names;
    names.reserve(found.size());
    for (const auto& [name, document] : found) names.push_back(name);
    return fault(fmt::format("it has {} MiniClusters: {}", found.size(), join(names, ", ")),
                 "name the one that is meant with --cluster-name");
}

Status MiniClusterFile::check_document() {
    constexpr std::string_view version = "flux-framework.org/v1alpha2";
    const YAML::Node given = document_["apiVersion"];
    if (!given.IsDefined() || !given.IsScalar() || given.Scalar() != version) {
        return fault_at(given.IsDefined() ? given : document_, "apiVersion",
                        fmt::format("is not {}", version),
                        "other versions have other fields and defaults");
    }
    for (const char* part : {"metadata", "spec"}) {
        const YAML::Node node = document_[part];
        if (!node.IsDefined() || !node.IsMap()) {
            return fault_at(node.IsDefined() ? node : document_, part, "is not a map");
        }
    }
    return {};
}

Status MiniClusterFile::find_container(const std::string& wanted) {
    const YAML::Node containers = document_["spec"]["containers"];
    if (!containers.IsDefined() || !containers.IsSequence() || containers.size() == 0) {
        return fault("spec.containers has no container");
    }
    std::vector<std::size_t> runners;
    for (std::size_t i = 0; i < containers.size(); ++i) {
        container_index_ = i;
        const YAML::Node container = containers[i];
        if (!container.IsMap()) return fault_at(container, "container", "is not a map");
        auto name = text_of(container["name"], "container.name");
        if (!name) return fail(name.error());
        auto runs_flux = flag_of(container["runFlux"], "container.runFlux");
        if (!runs_flux) return fail(runs_flux.error());
        if (wanted.empty() ? *runs_flux : *name == wanted) runners.push_back(i);
    }
    if (runners.empty() && wanted.empty() && containers.size() == 1) runners = {0};
    if (runners.size() != 1) {
        return fault(
            wanted.empty()
                ? fmt::format("{} of {} containers have runFlux", runners.size(), containers.size())
                : fmt::format("{} containers have the name {}", runners.size(), wanted),
            "name the one that runs Flux with --container");
    }
    container_index_ = runners.front();
    container_.reset(containers[container_index_]);
    return {};
}

Result<std::string> MiniClusterFile::text_of(const YAML::Node& node, std::string_view field) const {
    if (is_absent(node)) return "";
    if (!node.IsScalar()) return fault_at(node, field, "is not a string");
    return node.Scalar();
}

Result<bool> MiniClusterFile::flag_of(const YAML::Node& node, std::string_view field) const {
    bool value = false;
    if (is_absent(node)) return value;
    if (is_quoted(node) || !node.IsScalar() || !YAML::convert<bool>::decode(node, value)) {
        return fault_at(node, field, "is neither true nor false");
    }
    return value;
}

Result<std::uint32_t> MiniClusterFile::number_of(const YAML::Node& node, std::string_view field,
                                                 std::uint32_t fallback) const {
    if (is_absent(node)) return fallback;
    auto value = node.IsScalar() && !is_quoted(node) ? parse_number<std::int32_t>(node.Scalar())
                                                     : std::nullopt;
    // A leading zero would mean octal to some readers of YAML.
    if (!value || *value < 0 || node.Scalar() != std::to_string(*value)) {
        return fault_at(node, field, fmt::format("is not a number from 0 to {}", INT32_MAX));
    }
    return static_cast<std::uint32_t>(*value);
}

}  // namespace fluxpod
