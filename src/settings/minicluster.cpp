// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/minicluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/yaml.hpp"

namespace fluxpod {

namespace {

using Fault = tl::unexpected<Error>;

// What becomes of a field.
enum class Use {
    map,        // its own fields are looked at
    taken,      // becomes a setting, or part of the command
    operators,  // the operator acts on it, or it has no meaning in the pod
    refused,    // would change the boot and is not supported
    stale,      // of v1alpha1; the API server of v1alpha2 drops it
    pointless,  // means nothing here; `note` says why
};

struct Field {
    std::string_view path;  // the Flux container is "container"
    Use use;
    std::string_view note;  // a hint, or why it is pointless
};

constexpr std::string_view hook_hint =
    "run it in the image's own entrypoint before fluxpod, or in an init container";

// Every field of the MiniCluster's specification, version v1alpha2 (flux-operator,
// minicluster_types.go), down to where its meaning is the operator's alone.
constexpr auto fields = std::to_array<Field>({
    {"spec.archive", Use::map, ""},
    {"spec.archive.path", Use::taken, ""},
    {"spec.backoffLimit", Use::operators, ""},
    {"spec.cleanup", Use::operators, ""},
    {"spec.containers", Use::taken, ""},
    {"spec.deadlineSeconds", Use::operators, ""},
    {"spec.flux", Use::map, ""},
    {"spec.flux.arch", Use::operators, ""},
    {"spec.flux.brokerConfig", Use::refused, "put it in a file and name that with --broker-config"},
    {"spec.flux.bursting", Use::refused, "give the hosts of all clusters in order with --hosts"},
    {"spec.flux.completeWorkers", Use::pointless,
     "a follower ends with its broker's exit status and does not start it again"},
    {"spec.flux.connectTimeout", Use::taken, ""},
    {"spec.flux.container", Use::operators, ""},
    {"spec.flux.curveCert", Use::refused, "put it in a file and name that with --curve-cert"},
    {"spec.flux.disableSocket", Use::refused, "the socket is always below --root"},
    {"spec.flux.environment", Use::operators, ""},
    {"spec.flux.logLevel", Use::taken, ""},
    {"spec.flux.minimalService", Use::taken, ""},
    {"spec.flux.mungeSecret", Use::operators, ""},
    {"spec.flux.noWaitSocket", Use::operators, ""},
    {"spec.flux.optionFlags", Use::taken, ""},
    {"spec.flux.scheduler", Use::map, ""},
    {"spec.flux.scheduler.queuePolicy", Use::taken, ""},
    {"spec.flux.scheduler.simple", Use::refused,
     "the scheduler is what the image's Flux loads; choose it there"},
    {"spec.flux.submitCommand", Use::refused, "set launcher and write the whole line as command"},
    {"spec.flux.topology", Use::taken, ""},
    {"spec.flux.wrap", Use::refused, "name a script that adds it with --flux"},
    {"spec.interactive", Use::taken, ""},
    {"spec.jobLabels", Use::operators, ""},
    {"spec.logging", Use::map, ""},
    {"spec.logging.debug", Use::taken, ""},
    {"spec.logging.quiet", Use::taken, ""},
    {"spec.logging.strict", Use::operators, ""},
    {"spec.logging.timed", Use::pointless, "the boot report has the times"},
    {"spec.logging.zeromq", Use::taken, ""},
    {"spec.maxSize", Use::taken, ""},
    {"spec.minSize", Use::taken, ""},
    {"spec.network", Use::map, ""},
    {"spec.network.disableAffinity", Use::operators, ""},
    {"spec.network.headlessName", Use::taken, ""},
    {"spec.pod", Use::operators, ""},
    {"spec.services", Use::operators, ""},
    {"spec.shareProcessNamespace", Use::operators, ""},
    {"spec.size", Use::taken, ""},
    {"spec.tasks", Use::taken, ""},

    {"container.batch", Use::refused, "write a script that calls flux submit and set launcher"},
    {"container.batchRaw", Use::refused, "write a script that calls flux submit and set launcher"},
    {"container.command", Use::taken, ""},
    {"container.commands", Use::map, ""},
    {"container.commands.brokerPre", Use::refused, hook_hint},
    {"container.commands.init", Use::refused, hook_hint},
    {"container.commands.post", Use::refused, "make it the end of a script that is the command"},
    {"container.commands.pre", Use::refused, hook_hint},
    {"container.commands.prefix", Use::refused, "set launcher and write the whole line as command"},
    {"container.commands.script", Use::refused,
     "put it in the image or a volume and name it as command"},
    {"container.commands.servicePre", Use::operators, ""},
    {"container.commands.workerPre", Use::refused, hook_hint},
    {"container.environment", Use::operators, ""},
    {"container.image", Use::operators, ""},
    {"container.imagePullPolicy", Use::operators, ""},
    {"container.imagePullSecret", Use::operators, ""},
    {"container.launcher", Use::taken, ""},
    {"container.lifeCycle", Use::operators, ""},
    {"container.logs", Use::operators, ""},
    {"container.name", Use::taken, ""},
    {"container.noWrapEntrypoint", Use::operators, ""},
    {"container.ports", Use::operators, ""},
    {"container.pullAlways", Use::operators, ""},
    {"container.resources", Use::operators, ""},
    {"container.runFlux", Use::taken, ""},
    {"container.secrets", Use::operators, ""},
    {"container.securityContext", Use::operators, ""},
    {"container.volumes", Use::operators, ""},
    {"container.workingDir", Use::operators, ""},

    {"spec.fluxRestful", Use::stale, ""},
    {"spec.users", Use::stale, ""},
    {"spec.volumes", Use::stale, ""},
    {"spec.flux.curveCertSecret", Use::stale, ""},
    {"spec.flux.installRoot", Use::stale, ""},
    {"container.commands.runFluxAsRoot", Use::stale, ""},
    {"container.cores", Use::stale, ""},
    {"container.diagnostics", Use::stale, ""},
    {"container.existingVolumes", Use::stale, ""},
    {"container.fluxUser", Use::stale, ""},
    {"container.preCommand", Use::stale, ""},
});

bool is_absent(const YAML::Node& node) { return !node.IsDefined() || node.IsNull(); }

// Whether a field says anything but its type's zero, which Kubernetes cannot tell from absence.
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

// A plain word may be a number or a boolean; one in quotes is a string and nothing else.
bool is_quoted(const YAML::Node& node) { return node.Tag() == "!"; }

// What a shell takes for more than a part of a word (POSIX.1, 2.2 Quoting).
constexpr std::string_view shell_special = "|&;<>()$`\\\"'*?[]#~!\n\r";

// "=" in the first word would be an assignment.
bool needs_shell(std::string_view command) {
    if (command.find_first_of(shell_special) != std::string_view::npos) return true;
    return command.substr(0, command.find_first_of(" \t")).find('=') != std::string_view::npos;
}

class Reader {
  public:
    Reader(const std::string& path, const StrongerSettings& stronger)
        : path_(path), stronger_(stronger), size_(stronger.size) {}

    Result<MiniCluster> read() {
        if (auto status = find_document(); !status) return fail(status.error());
        if (auto status = find_container(stronger_.container); !status) {
            return fail(status.error());
        }
        if (auto status = walk(document_["spec"], "spec"); !status) return fail(status.error());
        if (auto status = walk(container_, "container"); !status) return fail(status.error());
        if (auto status = assign_names(); !status) return fail(status.error());
        if (auto status = assign_numbers(); !status) return fail(status.error());
        if (auto status = assign_archive(); !status) return fail(status.error());
        if (auto status = assign_flux(); !status) return fail(status.error());
        if (auto status = make_command(); !status) return fail(status.error());
        return std::move(cluster_);
    }

  private:
    [[nodiscard]] Error error_of(std::string cause, std::string hint) const {
        return {ExitCode::settings, "read the MiniCluster", path_, std::move(cause), "",
                std::move(hint)};
    }
    [[nodiscard]] Fault fault(std::string cause, std::string hint = "") const {
        return fail(error_of(std::move(cause), std::move(hint)));
    }
    // A fault with its place: "line 3, column 7: spec.size: ...".
    [[nodiscard]] Fault fault_at(const YAML::Node& node, std::string_view field,
                                 std::string_view cause, std::string_view hint = "") const {
        return fault(fmt::format("{}: {} {}", position_of(node), shown(field), cause),
                     std::string(hint));
    }
    // "container" is how the table calls the element of spec.containers that runs Flux.
    [[nodiscard]] std::string shown(std::string_view field) const {
        constexpr std::string_view prefix = "container";
        if (!field.starts_with(prefix)) return std::string(field);
        return fmt::format("spec.containers[{}]{}", container_index_, field.substr(prefix.size()));
    }

    Status find_document() {
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
            const auto is_meant = [&](const auto& each) {
                return each.first == stronger_.cluster_name;
            };
            if (std::ranges::count_if(found, is_meant) != 1) return several_clusters(found);
            chosen = std::ranges::find_if(found, is_meant);
        }
        document_.reset(chosen->second);
        return check_document();
    }

    [[nodiscard]] Fault several_clusters(
        const std::vector<std::pair<std::string, YAML::Node>>& found) const {
        std::vector<std::string> names;
        names.reserve(found.size());
        for (const auto& [name, document] : found) names.push_back(name);
        return fault(fmt::format("it has {} MiniClusters: {}", found.size(), join(names, ", ")),
                     "name the one that is meant with --cluster-name");
    }

    Status check_document() {
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

    Status find_container(const std::string& wanted) {
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
            return fault(wanted.empty() ? fmt::format("{} of {} containers have runFlux",
                                                      runners.size(), containers.size())
                                        : fmt::format("{} containers have the name {}",
                                                      runners.size(), wanted),
                         "name the one that runs Flux with --container");
        }
        container_index_ = runners.front();
        container_.reset(containers[container_index_]);
        return {};
    }

    // Every field below `path` is known, and none that is refused says anything.
    Status walk(const YAML::Node& map, const std::string& path) {
        if (is_absent(map)) return {};
        if (!map.IsMap()) return fault_at(map, path, "is not a map");
        for (const auto& entry : map) {
            const std::string name = path + "." + entry.first.Scalar();
            const auto* field = std::ranges::find(fields, name, &Field::path);
            if (field == fields.end()) return unknown(entry.first, path);
            if (field->use == Use::map) {
                if (auto status = walk(entry.second, name); !status) return status;
            } else if (field->use == Use::stale) {
                warn(name, "belongs to v1alpha1 and means nothing in v1alpha2");
            } else if (!says_something(entry.second)) {
                continue;
            } else if (field->use == Use::refused) {
                return fault_at(entry.first, name, "is not supported", field->note);
            } else if (field->use == Use::pointless) {
                warn(name, "is ignored: " + std::string(field->note));
            }
        }
        return {};
    }

    [[nodiscard]] Fault unknown(const YAML::Node& key, const std::string& path) const {
        std::vector<std::string> known;
        for (const Field& field : fields) {
            if (!field.path.starts_with(path + ".") || field.use == Use::stale) continue;
            const std::string_view name = field.path.substr(path.size() + 1);
            if (name.find('.') == std::string_view::npos) known.emplace_back(name);
        }
        auto meant = nearest(key.Scalar(), known);
        return fault_at(key, path + "." + key.Scalar(), "is not a field of a MiniCluster",
                        meant ? "is " + *meant + " meant?" : "it has " + join(known, ", "));
    }

    void warn(std::string_view field, std::string_view why) {
        cluster_.warnings.push_back(fmt::format("{} of {} {}", shown(field), path_, why));
    }

    // ---- Scalars: an absent one, or null, is the type's zero. --------------------------------

    Result<std::string> text_of(const YAML::Node& node, std::string_view field) const {
        if (is_absent(node)) return "";
        if (!node.IsScalar()) return fault_at(node, field, "is not a string");
        return node.Scalar();
    }

    Result<bool> flag_of(const YAML::Node& node, std::string_view field) const {
        bool value = false;
        if (is_absent(node)) return value;
        if (is_quoted(node) || !node.IsScalar() || !YAML::convert<bool>::decode(node, value)) {
            return fault_at(node, field, "is neither true nor false");
        }
        return value;
    }

    Result<std::uint32_t> number_of(const YAML::Node& node, std::string_view field,
                                    std::uint32_t fallback = 0) const {
        if (is_absent(node)) return fallback;
        auto value = node.IsScalar() && !is_quoted(node) ? parse_number<std::int32_t>(node.Scalar())
                                                         : std::nullopt;
        // A leading zero would mean octal to some readers of YAML.
        if (!value || *value < 0 || node.Scalar() != std::to_string(*value)) {
            return fault_at(node, field, fmt::format("is not a number from 0 to {}", INT32_MAX));
        }
        return static_cast<std::uint32_t>(*value);
    }

    // ---- Assignments --------------------------------------------------------------------------

    void assign(std::string_view option, std::string value, std::string_view field) {
        cluster_.assignments.push_back(
            {std::string(option), std::move(value), fmt::format("{} of {}", field, path_)});
    }

    Status assign_text(std::string_view option, const YAML::Node& node, std::string_view field) {
        auto text = text_of(node, field);
        if (!text) return fail(text.error());
        if (!text->empty()) assign(option, *text, field);
        return {};
    }

    Status assign_names() {
        const YAML::Node metadata = document_["metadata"];
        auto name = text_of(metadata["name"], "metadata.name");
        if (!name) return fail(name.error());
        if (name->empty()) return fault("metadata.name is missing");
        assign("cluster-name", *name, "metadata.name");
        if (auto status = assign_text("namespace", metadata["namespace"], "metadata.namespace");
            !status) {
            return status;
        }
        const YAML::Node network = document_["spec"]["network"];
        const YAML::Node headless = is_absent(network) ? network : network["headlessName"];
        if (!says_something(headless)) {
            const std::string& given = stronger_.cluster_name;
            assign("service", given.empty() ? *name : given, "metadata.name");
            return {};
        }
        return assign_text("service", headless, "spec.network.headlessName");
    }

    Status assign_numbers() {
        const YAML::Node spec = document_["spec"];
        auto size = number_of(spec["size"], "spec.size", 1);
        if (!size) return fail(size.error());
        assign("size", std::to_string(*size), "spec.size");
        if (!size_) size_ = *size;
        for (auto [key, option] : {std::pair{"maxSize", "max-size"}, {"minSize", "min-size"}}) {
            const std::string field = std::string("spec.") + key;
            auto number = number_of(spec[key], field);
            if (!number) return fail(number.error());
            if (*number > 0) assign(option, std::to_string(*number), field);
        }
        return {};
    }

    // Who has an archive wants it to be written, and only a supervisor can.
    Status assign_archive() {
        const YAML::Node path = child(child(document_["spec"], "archive"), "path");
        if (says_something(path)) assign("supervise", "true", "spec.archive.path");
        return assign_text("archive", path, "spec.archive.path");
    }

    Status assign_flux() {
        const YAML::Node flux = child(document_["spec"], "flux");
        const YAML::Node logging = child(document_["spec"], "logging");
        if (auto status = assign_text("connect-timeout", child(flux, "connectTimeout"),
                                      "spec.flux.connectTimeout");
            !status) {
            return status;
        }
        if (auto status =
                assign_text("queue-policy", child(child(flux, "scheduler"), "queuePolicy"),
                            "spec.flux.scheduler.queuePolicy");
            !status) {
            return status;
        }
        if (auto status = assign_topology(flux); !status) return status;

        auto level = number_of(child(flux, "logLevel"), "spec.flux.logLevel");
        auto quiet = flag_of(child(logging, "quiet"), "spec.logging.quiet");
        auto zeromq = flag_of(child(logging, "zeromq"), "spec.logging.zeromq");
        if (!level) return fail(level.error());
        if (!quiet) return fail(quiet.error());
        if (!zeromq) return fail(zeromq.error());
        if (*quiet) assign("quiet", "true", "spec.logging.quiet");
        if (*quiet && stronger_.quiet != "false") {
            assign("broker-log-level", "0", "spec.logging.quiet");
        } else if (*level > 0) {
            assign("broker-log-level", std::to_string(*level), "spec.flux.logLevel");
        }
        if (*zeromq) assign("broker-option", "tbon.zmqdebug=1", "spec.logging.zeromq");
        return {};
    }

    // With a minimal service no name but the lead's resolves, so that all must hang under it.
    Status assign_topology(const YAML::Node& flux) {
        auto minimal = flag_of(child(flux, "minimalService"), "spec.flux.minimalService");
        if (!minimal) return fail(minimal.error());
        const YAML::Node topology = child(flux, "topology");
        if (*minimal && !says_something(topology)) {
            assign("topology", "flat", "spec.flux.minimalService");
            return {};
        }
        return assign_text("topology", topology, "spec.flux.topology");
    }

    static YAML::Node child(const YAML::Node& map, const char* key) {
        if (is_absent(map)) return YAML::Node(YAML::NodeType::Null);
        return map[key];
    }

    // Empty if it is not there, or `map` is not a map.
    static std::string scalar_at(const YAML::Node& map, const char* key) {
        if (!map.IsDefined() || !map.IsMap()) return "";
        const YAML::Node node = map[key];
        return node.IsDefined() && node.IsScalar() ? node.Scalar() : "";
    }

    // ---- The command --------------------------------------------------------------------------

    Status make_command() {
        const YAML::Node spec = document_["spec"];
        auto given = text_of(container_["command"], "container.command");
        auto interactive = flag_of(spec["interactive"], "spec.interactive");
        auto launcher = flag_of(container_["launcher"], "container.launcher");
        auto tasks = number_of(spec["tasks"], "spec.tasks", 1);
        auto flags = text_of(child(spec["flux"], "optionFlags"), "spec.flux.optionFlags");
        auto debug = flag_of(child(spec["logging"], "debug"), "spec.logging.debug");
        if (!given) return fail(given.error());
        if (!interactive) return fail(interactive.error());
        if (!launcher) return fail(launcher.error());
        if (!tasks) return fail(tasks.error());
        if (!flags) return fail(flags.error());
        if (!debug) return fail(debug.error());

        const std::string line(trim(*given));
        if (line.empty()) return {};
        if (*interactive) {
            warn("container.command", "is ignored: spec.interactive is true");
            return {};
        }
        if (!*launcher) {
            if (auto status = begin_submit(*tasks, *flags, *debug); !status) return status;
        }
        auto& command = cluster_.command;
        if (needs_shell(line)) {
            command.insert(command.end(), {"sh", "-c", line});
        } else {
            for (auto& word : split_words(line)) command.push_back(std::move(word));
        }
        return {};
    }

    Status begin_submit(std::uint32_t tasks, std::string_view option_flags, bool debug) {
        const std::string_view flags = trim(option_flags);
        if (flags.find_first_of(shell_special) != std::string_view::npos) {
            return fault_at(document_["spec"]["flux"]["optionFlags"], "spec.flux.optionFlags",
                            "has a character that only a shell understands", "write plain words");
        }
        auto& command = cluster_.command;
        command = {"flux", "submit"};
        if (tasks == 0 || tasks >= *size_) command.push_back(fmt::format("-N{}", *size_));
        if (tasks > 0) command.push_back(fmt::format("-n{}", tasks));
        for (auto& word : split_words(flags)) command.push_back(std::move(word));
        if (debug) command.emplace_back("-vvv");
        command.insert(command.end(), {"--quiet", "--watch"});
        return {};
    }

    const std::string& path_;
    const StrongerSettings& stronger_;
    std::optional<std::uint32_t> size_;  // how many nodes the job asks for
    YAML::Node document_;
    YAML::Node container_;
    std::size_t container_index_ = 0;
    MiniCluster cluster_;
};

}  // namespace

Result<MiniCluster> read_minicluster(const std::string& path, const StrongerSettings& stronger) {
    try {
        return Reader(path, stronger).read();
    } catch (const YAML::Exception& e) {
        return fail({ExitCode::settings, "read the MiniCluster", path, e.what(), "", ""});
    }
}

}  // namespace fluxpod
