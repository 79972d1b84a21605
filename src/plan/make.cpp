// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/make.hpp"

#include <utility>

#include "fluxpod/formats/duration.hpp"
#include "fluxpod/formats/host_ranks.hpp"
#include "fluxpod/plan/resources.hpp"
#include "launch.hpp"
#include "layout.hpp"
#include "owned.hpp"
#include "parents.hpp"

namespace fluxpod {

namespace {

Result<CertPlan> choose_certificate(const Settings& settings, const Identity& identity) {
    using Source = CertPlan::Source;
    if (!settings.curve_cert.empty()) return CertPlan{Source::file, settings.curve_cert};
    if (!settings.curve_secret.empty()) return CertPlan{Source::secret, settings.curve_secret};
    if (identity.hosts.size() <= 1) return CertPlan{};
    return fail({.code = ExitCode::certificate,
                 .doing = "plan a cluster of",
                 .subject = std::to_string(identity.hosts.size()),
                 .cause = "Flux encrypts between brokers, and no certificate is named",
                 .hint = "give every pod the same --curve-cert FILE (fluxpod keygen makes one) or "
                         "the same --curve-secret FILE"});
}

// Pods whose CPUs are their own, and those whose share R counts, may have a node in common.
std::optional<NodeCheckPlan> plan_node_check(const Settings& settings, const Plan& plan,
                                             const std::optional<NodeShare>& node) {
    const bool is_counted_once = plan.node && (plan.node->proven || plan.node->floats);
    NodeCheckPlan check;
    check.node_name = settings.node_name;
    check.drains = plan.identity.hosts.size() > 1 &&
                   settings.node_check.value_or(plan.node && !is_counted_once);
    check.required =
        settings.bind_cpus || settings.node_check || settings.node_rule == NodeRule::strict;
    if (settings.bind_cpus && plan.node && plan.node->floats) {
        check.bind_count = node->floating_cpus;
        check.cores = node->shape.counted;
    }
    if (!check.drains && check.bind_count == 0) return std::nullopt;
    return check;
}

// A supervisor notices a lost parent by itself, so that a cut network may be waited for: both ends
// survive one that is shorter than this.
Duration choose_tcp_user_timeout(const Settings& settings) {
    const bool chosen = settings.origins.contains("tcp-user-timeout");
    return settings.supervise && !chosen ? std::chrono::minutes(2) : settings.tcp_user_timeout;
}

BrokerConfig configure_broker(const Settings& settings, const Plan& plan) {
    BrokerConfig config;
    config.allow_guest_user = settings.allow_guest;
    if (plan.certificate.source != CertPlan::Source::none) {
        config.curve_cert = plan.layout.curve_cert;
    }
    config.default_port = settings.port;
    config.default_bind = plan.bind.endpoint;
    config.default_connect = "tcp://%h" + plan.identity.address_suffix() + ":%p";
    config.enable_ipv6 = plan.bind.ipv6;
    config.topo = settings.topology.flux_spelling();
    config.connect_timeout = format_duration(settings.connect_timeout);
    config.tcp_user_timeout = format_duration(choose_tcp_user_timeout(settings));
    if (plan.resources) config.resource_path = plan.layout.r;
    config.ignore_kernel_hostnames = has_foreign_hostname(plan.identity);
    if (!settings.queue_policy.empty()) config.queue_policy = settings.queue_policy;
    // Always: the statedir may be on a volume, or in an emptyDir that outlives the container. If it
    // does not, a checkpoint of a store that did not change costs nothing.
    config.checkpoint_period = "30s";
    return config;
}

std::vector<DirectoryPlan> list_directories(const Plan& plan) {
    const Layout& layout = plan.layout;
    const std::string base = layout.root == "/" ? "" : layout.root;
    std::vector<DirectoryPlan> directories;
    for (const char* below :
         {"/etc", "/etc/flux", "/etc/flux/config", "/etc/flux/system", "/run"}) {
        directories.push_back({.path = base + below, .mode = 0755});
    }
    directories.insert(directories.begin(), {.path = layout.root, .mode = 0755});
    if (plan.node_check) {
        for (const char* below :
             {"/etc/flux/modprobe", "/etc/flux/modprobe/rc1.d", "/etc/flux/rc1.d"}) {
            directories.push_back({.path = base + below, .mode = 0755});
        }
    }
    if (has_shell_rc(plan)) directories.push_back({.path = layout.shell_rc, .mode = 0755});
    // Guests reach the broker's socket in here; Flux checks who they are.
    directories.push_back({.path = layout.rundir, .mode = 0755, .must_be_ours = true});
    if (plan.certificate.source != CertPlan::Source::none) {
        directories.push_back({.path = base + "/curve", .mode = 0700, .must_be_ours = true});
    }
    if (plan.identity.is_lead()) {
        directories.push_back({.path = base + "/var", .mode = 0755});
        directories.push_back({.path = base + "/var/lib", .mode = 0755});
        directories.push_back({.path = layout.statedir, .mode = 0700, .must_be_ours = true});
    }
    return directories;
}

// Followers hold nothing that could be saved. Without --supervise nobody is there to save it, and
// a job that runs at the end is lost.
Result<std::string> choose_archive(const Settings& settings, const Identity& identity) {
    if (!identity.is_lead() || settings.archive.empty()) return std::string();
    if (settings.supervise) return settings.archive;
    return fail(
        {.code = ExitCode::settings,
         .doing = "keep the archive",
         .subject = settings.archive,
         .cause = "without --supervise nobody stays to save Flux's state",
         .hint = "add --supervise; the archive was set by " + settings.origin_of("archive")});
}

}  // namespace

Result<Plan> make_plan(const Settings& settings, const Identity& identity, const BindChoice& bind,
                       const std::optional<NodeShare>& node, const std::string& user_toml) {
    Plan plan;
    plan.identity = identity;
    plan.bind = bind;
    plan.user_toml = user_toml;
    plan.view = settings.view;
    plan.layout = Layout::below(settings.root);
    if (auto checked = check_root(settings, plan.layout); !checked) return fail(checked.error());
    if (auto checked = check_owned_keys(settings, user_toml); !checked) {
        return fail(checked.error());
    }
    if (auto checked = check_owned_attributes(settings); !checked) return fail(checked.error());

    auto archive = choose_archive(settings, identity);
    if (!archive) return fail(archive.error());
    plan.archive = std::move(*archive);
    auto certificate = choose_certificate(settings, identity);
    if (!certificate) return fail(certificate.error());
    plan.certificate = std::move(*certificate);

    auto parents = choose_parents(settings, identity.hosts);
    if (!parents) return fail(parents.error());
    plan.tree = Tree(settings.topology, static_cast<std::uint32_t>(identity.hosts.size()),
                     std::move(*parents));
    plan.parent = plan.tree.parent_of(identity.rank);
    plan.children = plan.tree.children_of(identity.rank);

    auto resources = describe_resources(settings, identity.hosts,
                                        node ? std::optional(node->shape) : std::nullopt);
    if (!resources) return fail(resources.error());
    plan.resources = std::move(*resources);
    if (node && settings.node_rule != NodeRule::off) plan.node = node->judgement;
    plan.node_check = plan_node_check(settings, plan, node);

    plan.broker = configure_broker(settings, plan);
    plan.directories = list_directories(plan);
    if (plan.parent) {
        plan.gate = GatePlan{.parent = *plan.parent,
                             .host = identity.address_of(*plan.parent),
                             .port = settings.port,
                             .until = settings.wait_until,
                             .pin = settings.pin,
                             .timeout = settings.wait_timeout};
    }
    auto launch = plan_launch(settings, plan);
    if (!launch) return fail(launch.error());
    plan.launch = std::move(*launch);
    return plan;
}

}  // namespace fluxpod
