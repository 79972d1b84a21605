// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/render.hpp"

#include <utility>

#include "fluxpod/files/affinity_rc.hpp"
#include "fluxpod/files/node_check.hpp"
#include "fluxpod/files/view_rc.hpp"
#include "fluxpod/formats/broker_toml.hpp"
#include "fluxpod/plan/broker.hpp"

namespace fluxpod {

namespace {

Result<std::string> render_broker_toml(const Plan& plan, const std::string& parent_endpoint) {
    auto refuse = [&](std::string cause) {
        return fail(
            {.code = ExitCode::settings,
             .doing = "render",
             .subject = plan.layout.broker_toml,
             .cause = std::move(cause),
             .hint = plan.user_toml.empty() ? "" : "look into the file of --broker-config"});
    };
    auto encoded = encode_broker_toml(broker_config(plan, parent_endpoint), plan.user_toml);
    if (!encoded) return refuse(encoded.error());
    auto checked = check_broker_toml(*encoded, plan.identity.hostname);
    if (!checked) return refuse(checked.error());
    return std::move(*encoded);
}

}  // namespace

Result<std::vector<RenderedFile>> render_files(const Plan& plan,
                                               const std::string& parent_endpoint) {
    auto broker_toml = render_broker_toml(plan, parent_endpoint);
    if (!broker_toml) return fail(broker_toml.error());

    std::vector<RenderedFile> files;
    files.push_back({plan.layout.broker_toml, config_file_mode, std::move(*broker_toml)});
    files.push_back({plan.layout.hostlist, config_file_mode, plan.identity.hosts.encode() + "\n"});
    if (plan.resources) {
        files.push_back({plan.layout.r, config_file_mode, plan.resources->encode()});
    }
    if (plan.node_check) {
        files.push_back({plan.layout.node_check, config_file_mode, render_node_check(plan)});
        files.push_back(
            {plan.layout.node_check_script, program_file_mode, render_node_check_script(plan)});
    }
    if (!plan.view.empty()) {
        files.push_back({plan.layout.view_rc, config_file_mode, render_view_rc(plan)});
    }
    if (plan.node && plan.node->floats) {
        files.push_back({plan.layout.affinity_rc, config_file_mode, render_affinity_rc()});
    }
    return files;
}

}  // namespace fluxpod
