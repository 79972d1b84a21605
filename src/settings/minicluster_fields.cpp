// SPDX-License-Identifier: Apache-2.0
#include "minicluster_fields.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

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

MiniClusterFile::Fault unknown(const MiniClusterFile& file, const YAML::Node& key,
                               const std::string& path) {
    std::vector<std::string> known;
    for (const Field& field : fields) {
        if (!field.path.starts_with(path + ".") || field.use == Use::stale) continue;
        const std::string_view name = field.path.substr(path.size() + 1);
        if (name.find('.') == std::string_view::npos) known.emplace_back(name);
    }
    auto meant = nearest(key.Scalar(), known);
    return file.fault_at(key, path + "." + key.Scalar(), "is not a field of a MiniCluster",
                         meant ? "is " + *meant + " meant?" : "it has " + join(known, ", "));
}

// Every field below `path` is known, and none that is refused says anything.
Status walk(const MiniClusterFile& file, const YAML::Node& map, const std::string& path,
            std::vector<std::string>& warnings) {
    if (is_absent(map)) return {};
    if (!map.IsMap()) return file.fault_at(map, path, "is not a map");
    for (const auto& entry : map) {
        const std::string name = path + "." + entry.first.Scalar();
        const auto* field = std::ranges::find(fields, name, &Field::path);
        if (field == fields.end()) return unknown(file, entry.first, path);
        if (field->use == Use::map) {
            if (auto status = walk(file, entry.second, name, warnings); !status) return status;
        } else if (field->use == Use::stale) {
            warnings.push_back(
                file.warning(name, "belongs to v1alpha1 and means nothing in v1alpha2"));
        } else if (!says_something(entry.second)) {
            continue;
        } else if (field->use == Use::refused) {
            return file.fault_at(entry.first, name, "is not supported", field->note);
        } else if (field->use == Use::pointless) {
            warnings.push_back(file.warning(name, "is ignored: " + std::string(field->note)));
        }
    }
    return {};
}

}  // namespace

Status check_fields(const MiniClusterFile& file, std::vector<std::string>& warnings) {
    if (auto status = walk(file, file.spec(), "spec", warnings); !status) return status;
    return walk(file, file.container(), "container", warnings);
}

}  // namespace fluxpod
