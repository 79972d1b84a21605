// SPDX-License-Identifier: Apache-2.0
// YAML, and a MiniCluster in it. The first byte names the size that a stronger source gives.
#include "fluxpod/settings/minicluster.hpp"

#include "fluxpod/formats/yaml.hpp"
#include "input_file.hpp"
#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const InputFile file;
    const std::uint8_t wanted = data[0];
    const auto text = as_text(data + 1, size - 1);
    const auto documents = parse_yaml(text);
    must_hold(documents || !documents.error().empty(), "a refusal has a reason");

    file.set(text);
    const auto cluster = read_minicluster(
        file.path(), {.container = {},
                      .cluster_name = wanted % 2 == 0 ? "" : "fp",
                      .size = wanted == 0 ? std::nullopt : std::optional<std::uint32_t>(wanted),
                      .quiet = {}});
    must_hold(documents || !cluster, "no MiniCluster without YAML");
    if (!cluster) {
        must_hold(!cluster.error().message().empty(), "a refusal has a reason");
        return 0;
    }
    for (const auto& assignment : cluster->assignments) {
        must_hold(find_option(assignment.option) != nullptr, "a field sets an option that exists");
        must_hold(!assignment.origin.empty(), "a value has an origin");
        must_hold(assignment.value.find('\0') == std::string::npos, "a value has no NUL");
    }
    for (const auto& word : cluster->command) {
        must_hold(word.find('\0') == std::string::npos, "a word of a command has no NUL");
    }
    return 0;
}
