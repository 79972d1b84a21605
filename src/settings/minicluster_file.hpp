// SPDX-License-Identifier: Apache-2.0
// The document of a file that describes the MiniCluster, its container that runs Flux, and readers
// of their scalars that name the place of what is wrong: "line 3, column 7: spec.size: ...". May
// throw YAML::Exception; read_minicluster catches it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/yaml.hpp"
#include "fluxpod/settings/minicluster.hpp"

namespace fluxpod {

// Also true for null.
[[nodiscard]] bool is_absent(const YAML::Node& node);

// Whether a field says anything but its type's zero, which Kubernetes cannot tell from absence.
[[nodiscard]] bool says_something(const YAML::Node& node);

// Null if `map` is absent.
[[nodiscard]] YAML::Node child(const YAML::Node& map, const char* key);

class MiniClusterFile {
  public:
    using Fault = tl::unexpected<Error>;

    // Reads the file and finds the MiniCluster and the container that `stronger` means. Error 10.
    static Result<MiniClusterFile> open(const std::string& path, const StrongerSettings& stronger);

    // Assigning to a YAML::Node would change the document.
    MiniClusterFile(const MiniClusterFile&) = default;
    MiniClusterFile& operator=(const MiniClusterFile&) = delete;
    ~MiniClusterFile() = default;

    [[nodiscard]] const std::string& path() const { return path_; }
    // A map each.
    [[nodiscard]] YAML::Node metadata() const { return document_["metadata"]; }
    [[nodiscard]] YAML::Node spec() const { return document_["spec"]; }
    [[nodiscard]] YAML::Node container() const { return container_; }

    // Scalars: an absent one, or null, is the type's zero, or `fallback`.
    [[nodiscard]] Result<std::string> text_of(const YAML::Node& node, std::string_view field) const;
    [[nodiscard]] Result<bool> flag_of(const YAML::Node& node, std::string_view field) const;
    [[nodiscard]] Result<std::uint32_t> number_of(const YAML::Node& node, std::string_view field,
                                                  std::uint32_t fallback = 0) const;

    // Returns a field's name for people. "container" is how the table of fields names the element
    // of spec.containers that runs Flux.
    [[nodiscard]] std::string shown(std::string_view field) const;
    [[nodiscard]] Fault fault(std::string cause, std::string hint = "") const;
    // A fault with its place.
    [[nodiscard]] Fault fault_at(const YAML::Node& node, std::string_view field,
                                 std::string_view cause, std::string_view hint = "") const;
    // "spec.size of FILE is ignored".
    [[nodiscard]] std::string warning(std::string_view field, std::string_view why) const;

  private:
    explicit MiniClusterFile(std::string path) : path_(std::move(path)) {}
    Status find_document(const std::string& cluster_name);
    [[nodiscard]] Fault several_clusters(
        const std::vector<std::pair<std::string, YAML::Node>>& found) const;
    Status check_document();
    Status find_container(const std::string& wanted);

    std::string path_;
    YAML::Node document_;
    YAML::Node container_;
    std::size_t container_index_ = 0;
};

}  // namespace fluxpod
