// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/minicluster.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "minicluster_command.hpp"
#include "minicluster_fields.hpp"
#include "minicluster_file.hpp"

namespace fluxpod {

namespace {

// One file's fields as settings.
class Reader {
  public:
    Reader(const MiniClusterFile& file, const StrongerSettings& stronger)
        : file_(file), stronger_(stronger), size_(stronger.size) {}

    Result<MiniCluster> read() {
        if (auto status = check_fields(file_, cluster_.warnings); !status) {
            return fail(status.error());
        }
        if (auto status = assign_names(); !status) return fail(status.error());
        if (auto status = assign_numbers(); !status) return fail(status.error());
        if (auto status = assign_archive(); !status) return fail(status.error());
        if (auto status = assign_flux(); !status) return fail(status.error());
        auto command = make_command(file_, *size_, cluster_.warnings);
        if (!command) return fail(command.error());
        cluster_.command = std::move(*command);
        return std::move(cluster_);
    }

  private:
    void assign(std::string_view option, std::string value, std::string_view field) {
        cluster_.assignments.push_back(
            {std::string(option), std::move(value), fmt::format("{} of {}", field, file_.path())});
    }

    Status assign_text(std::string_view option, const YAML::Node& node, std::string_view field) {
        auto text = file_.text_of(node, field);
        if (!text) return fail(text.error());
        if (!text->empty()) assign(option, *text, field);
        return {};
    }

    Status assign_names() {
        const YAML::Node metadata = file_.metadata();
        auto name = file_.text_of(metadata["name"], "metadata.name");
        if (!name) return fail(name.error());
        if (name->empty()) return file_.fault("metadata.name is missing");
        assign("cluster-name", *name, "metadata.name");
        if (auto status = assign_text("namespace", metadata["namespace"], "metadata.namespace");
            !status) {
            return status;
        }
        const YAML::Node network = file_.spec()["network"];
        const YAML::Node headless = is_absent(network) ? network : network["headlessName"];
        if (!says_something(headless)) {
            const std::string& given = stronger_.cluster_name;
            assign("service", given.empty() ? *name : given, "metadata.name");
            return {};
        }
        return assign_text("service", headless, "spec.network.headlessName");
    }

    Status assign_numbers() {
        const YAML::Node spec = file_.spec();
        auto size = file_.number_of(spec["size"], "spec.size", 1);
        if (!size) return fail(size.error());
        assign("size", std::to_string(*size), "spec.size");
        if (!size_) size_ = *size;
        for (auto [key, option] : {std::pair{"maxSize", "max-size"}, {"minSize", "min-size"}}) {
            const std::string field = std::string("spec.") + key;
            auto number = file_.number_of(spec[key], field);
            if (!number) return fail(number.error());
            if (*number > 0) assign(option, std::to_string(*number), field);
        }
        return {};
    }

    // Who has an archive wants it to be written, and only a supervisor can.
    Status assign_archive() {
        const YAML::Node path = child(child(file_.spec(), "archive"), "path");
        if (says_something(path)) assign("supervise", "true", "spec.archive.path");
        return assign_text("archive", path, "spec.archive.path");
    }

    Status assign_flux() {
        const YAML::Node flux = child(file_.spec(), "flux");
        const YAML::Node logging = child(file_.spec(), "logging");
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

        auto level = file_.number_of(child(flux, "logLevel"), "spec.flux.logLevel");
        auto quiet = file_.flag_of(child(logging, "quiet"), "spec.logging.quiet");
        auto zeromq = file_.flag_of(child(logging, "zeromq"), "spec.logging.zeromq");
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
        auto minimal = file_.flag_of(child(flux, "minimalService"), "spec.flux.minimalService");
        if (!minimal) return fail(minimal.error());
        const YAML::Node topology = child(flux, "topology");
        if (*minimal && !says_something(topology)) {
            assign("topology", "flat", "spec.flux.minimalService");
            return {};
        }
        return assign_text("topology", topology, "spec.flux.topology");
    }

    const MiniClusterFile& file_;
    const StrongerSettings& stronger_;
    std::optional<std::uint32_t> size_;  // how many nodes the job asks for
    MiniCluster cluster_;
};

}  // namespace

Result<MiniCluster> read_minicluster(const std::string& path, const StrongerSettings& stronger) {
    try {
        const auto file = MiniClusterFile::open(path, stronger);
        if (!file) return fail(file.error());
        return Reader(*file, stronger).read();
    } catch (const YAML::Exception& e) {
        return fail({ExitCode::settings, "read the MiniCluster", path, e.what(), "", ""});
    }
}

}  // namespace fluxpod
