// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/make.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/formats/host_ranks.hpp"
#include "fluxpod/plan/resources.hpp"
#include "owned.hpp"

namespace fluxpod {

Layout Layout::below(const std::string& root) {
    // "/" alone becomes the empty prefix.
    std::string base = root.substr(0, root.find_last_not_of('/') + 1);
    return {
        .root = base.empty() ? "/" : base,
        .config_dir = base + "/etc/flux/config",
        .broker_toml = base + "/etc/flux/config/broker.toml",
        .r = base + "/etc/flux/system/R",
        .hostlist = base + "/etc/flux/system/hostlist",
        .rc_extra = base + "/etc/flux",
        .modprobe = base + "/etc/flux/modprobe",
        .node_check = base + "/etc/flux/modprobe/rc1.d/fluxpod-node-check.py",
        .node_check_script = base + "/etc/flux/rc1.d/fluxpod-node-check",
        .shell_rc = base + "/etc/flux/shell",
        .view_rc = base + "/etc/flux/shell/fluxpod-view.lua",
        .affinity_rc = base + "/etc/flux/shell/fluxpod-affinity.lua",
        .tmp = base + "/tmp",
        .home = base + "/home",
        .curve_cert = base + "/curve/curve.cert",
        .rundir = base + "/run/flux",
        .statedir = base + "/var/lib/flux",
        .dump = base + "/var/lib/flux/fluxpod-dump.tar",
        .early_dump = base + "/var/lib/flux/fluxpod-dump.early.tar",
        .local_socket = base + "/run/flux/local",
        .local_uri = "local://" + base + "/run/flux/local",
        .state = base + "/run/state.json",
        .pulse_socket = base + "/run/pulse",
    };
}

namespace {

// Flux keeps room for "/local-9999" in a socket's address (unix(7), 108 bytes). Our own socket,
// "/local", is shorter, so this one bound is enough.
constexpr std::size_t longest_rundir = 96;

Status check_root(const Settings& settings, const Layout& layout) {
    Error error{.code = ExitCode::settings,
                .doing = "use --root",
                .subject = settings.root,
                .cause = "",
                .hint = "it was set by " + settings.origin_of("root")};
    if (settings.root.empty() || settings.root.front() != '/') {
        error.cause = "it is not an absolute path";
        return fail(std::move(error));
    }
    if (layout.rundir.size() > longest_rundir) {
        error.cause = fmt::format("{} has {} bytes, and Flux's sockets need at most {}",
                                  layout.rundir, layout.rundir.size(), longest_rundir);
        error.hint = "choose a shorter directory";
        return fail(std::move(error));
    }
    return {};
}

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

using Parents = std::vector<std::uint32_t>;

// One "CHILDREN=PARENT"; the error is the cause in words. `said` marks children with a parent.
OrCause<void> add_parents(std::string_view text, const HostRanks& hosts, Parents& parents,
                          std::vector<bool>& said) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos)
        return tl::unexpected<std::string>("it is not CHILDREN=PARENT");
    auto children = Hostlist::parse(text.substr(0, equals));
    if (!children) return tl::unexpected(children.error());
    auto parent = Hostlist::parse(text.substr(equals + 1));
    if (!parent) return tl::unexpected(parent.error());
    if (children->empty()) return tl::unexpected<std::string>("it names no children");
    if (parent->size() != 1) return tl::unexpected<std::string>("it does not name one parent");

    const auto parent_rank = hosts.find(parent->at(0));
    if (!parent_rank) return tl::unexpected(parent->at(0) + " is not in the host list");
    for (std::size_t i = 0; i < children->size(); ++i) {
        const std::string child = children->at(i);
        const auto rank = hosts.find(child);
        if (!rank) return tl::unexpected(child + " is not in the host list");
        if (*rank == 0) return tl::unexpected(child + " is the lead, which has no parent");
        if (said[*rank] && parents[*rank] != *parent_rank) {
            return tl::unexpected(child + " has another parent already");
        }
        said[*rank] = true;
        parents[*rank] = static_cast<std::uint32_t>(*parent_rank);
    }
    return {};
}

// A rank that is its own ancestor, if any.
std::optional<std::uint32_t> find_cycle(const Parents& parents) {
    std::vector<bool> reaches_lead(parents.size(), false);
    reaches_lead[0] = true;
    for (std::uint32_t start = 1; start < parents.size(); ++start) {
        std::uint32_t rank = start;
        for (std::size_t steps = 0; !reaches_lead[rank]; rank = parents[rank]) {
            if (++steps > parents.size()) return rank;
        }
        for (rank = start; !reaches_lead[rank]; rank = parents[rank]) reaches_lead[rank] = true;
    }
    return std::nullopt;
}

Result<Parents> choose_parents(const Settings& settings, const Hostlist& hosts) {
    if (settings.topology.kind != TopologySpec::Kind::custom) return Parents{};
    const std::string hint = "it was set by " + settings.origin_of("parent");
    Parents parents(hosts.size(), 0);
    std::vector<bool> said(hosts.size(), false);
    const HostRanks ranks(hosts);
    for (const auto& text : settings.parents) {
        if (auto added = add_parents(text, ranks, parents, said); !added) {
            return fail({.code = ExitCode::settings,
                         .doing = "use --parent",
                         .subject = text,
                         .cause = added.error(),
                         .hint = hint});
        }
    }
    if (auto rank = find_cycle(parents)) {
        return fail({.code = ExitCode::settings,
                     .doing = "use --parent",
                     .cause = fmt::format("{} is its own ancestor", hosts.at(*rank)),
                     .hint = hint});
    }
    return parents;
}

bool has_foreign_hostname(const Identity& identity) {
    return !identity.kernel_hostname.empty() && identity.kernel_hostname != identity.hostname;
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

// What Flux's job shell reads: files/view_rc.hpp.
bool has_shell_rc(const Plan& plan) {
    return !plan.view.empty() || (plan.node && plan.node->floats);
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

// Broker attributes in the order in which they were first set. Flux refuses one that is given
// twice (EPERM), so a user's value takes the place of ours.
class Attributes {
  public:
    using Entries = std::vector<std::pair<std::string, std::string>>;

    void set(std::string_view name, std::string_view value) {
        auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
        if (found == entries_.end()) {
            entries_.emplace_back(name, value);
        } else {
            found->second = value;
        }
    }
    [[nodiscard]] Entries take() { return std::move(entries_); }

  private:
    Entries entries_;
};

Status add_user_attributes(const Settings& settings, Attributes& attributes) {
    for (const auto& option : settings.broker_options) {
        const auto equals = option.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail({.code = ExitCode::settings,
                         .doing = "use --broker-option",
                         .subject = option,
                         .cause = "it is not ATTR=VALUE",
                         .hint = "it was set by " + settings.origin_of("broker-option")});
        }
        attributes.set(std::string_view(option).substr(0, equals),
                       std::string_view(option).substr(equals + 1));
    }
    return {};
}

// Flux makes a shell an interactive one, and hands a word that a shell might read otherwise to one.
bool is_plain_program(const std::string& word) {
    return word.starts_with('/') && !word.ends_with("sh") && is_alphanumeric(word, "/._-");
}

// Flux hands an initial program of one word to a shell, or takes it for an interactive one, and
// executes several words as they are. env(1) is a second word that changes nothing else, but it
// would take a name with "=" for a variable. A plain path Flux 0.88 executes as it is, and an image
// that is the application alone has no env.
Result<std::vector<std::string>> plan_initial_program(const std::vector<std::string>& command) {
    if (command.size() != 1 || is_plain_program(command.front())) return command;
    if (command.front().find('=') == std::string::npos) {
        return std::vector<std::string>{"env", "--", command.front()};
    }
    return fail({.code = ExitCode::settings,
                 .doing = "run",
                 .subject = command.front(),
                 .cause = "a program's name with \"=\" and without arguments cannot be given to "
                          "Flux",
                 .hint = "try sh -c 'exec \"$0\"' " + command.front()});
}

Result<LaunchPlan> plan_launch(const Settings& settings, const Plan& plan) {
    const Identity& identity = plan.identity;
    const bool has_program = identity.is_lead() && !settings.command.empty();

    Attributes attributes;
    attributes.set("rundir", plan.layout.rundir);
    attributes.set("local-uri", plan.layout.local_uri);
    if (identity.is_lead()) attributes.set("statedir", plan.layout.statedir);
    if (!plan.archive.empty()) attributes.set("content.dump", plan.layout.dump);
    // Flux 0.82 is the first to know this attribute, so it is used only if needed.
    if (has_foreign_hostname(identity)) attributes.set("hostname", identity.hostname);
    attributes.set("broker.quorum", std::to_string(identity.min_size));
    if (!has_program) attributes.set("broker.rc2_none", "1");
    attributes.set("log-stderr-level", std::to_string(settings.broker_log_level));
    attributes.set("log-stderr-mode", "local");
    if (auto added = add_user_attributes(settings, attributes); !added) return fail(added.error());

    LaunchPlan launch;
    if (plan.node_check) {
        launch.append_environment.emplace_back("FLUX_RC_EXTRA", plan.layout.rc_extra);
        launch.append_environment.emplace_back("FLUX_MODPROBE_PATH_APPEND", plan.layout.modprobe);
    }
    if (!plan.view.empty()) {
        launch.append_environment.emplace_back("LD_LIBRARY_PATH", plan.view + "/lib");
    }
    if (has_shell_rc(plan)) {
        launch.append_environment.emplace_back("FLUX_SHELL_RC_PATH", plan.layout.shell_rc);
    }
    const bool of_view = !plan.view.empty() && !settings.origins.contains("flux");
    launch.flux = of_view ? plan.view + "/bin/flux" : settings.flux;
    launch.attributes = attributes.take();
    if (has_program) {
        auto program = plan_initial_program(settings.command);
        if (!program) return fail(program.error());
        launch.initial_program = std::move(*program);
    }
    return launch;
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
