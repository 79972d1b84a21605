// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/commands/boot.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/gates/curve_gate.hpp"
#include "fluxpod/gates/dns_gate.hpp"
#include "fluxpod/gates/resolver.hpp"
#include "fluxpod/gates/reverse_gate.hpp"
#include "fluxpod/gates/tcp_gate.hpp"
#include "fluxpod/identity/bind_choice.hpp"
#include "fluxpod/identity/network_facts.hpp"
#include "fluxpod/node/cgroup.hpp"
#include "fluxpod/node/inspect.hpp"
#include "fluxpod/overlay/handshake.hpp"
#include "fluxpod/plan/make.hpp"
#include "fluxpod/plan/resources.hpp"
#include "fluxpod/plan/scratch.hpp"
#include "fluxpod/process/processes.hpp"
#include "fluxpod/process/signals.hpp"
#include "fluxpod/settings/load.hpp"

namespace fluxpod {

Result<Settings> load_and_configure_log(const Invocation& invocation) {
    auto settings = load_settings(invocation.line, invocation.environment, invocation.config);
    if (settings) {
        log::configure(settings->quiet ? LogLevel::warning : settings->log_level,
                       settings->log_format);
    }
    return settings;
}

Result<int> end_at(const Stop& stop) {
    return stop.error ? fail(*stop.error) : Result<int>(stop.exit_code);
}

Result<int> end_at(const Stop& stop, BootReport& report) {
    if (stop.error) report.fail(*stop.error);
    return end_at(stop);
}

namespace {

// An engine registers a replica's name when it attaches its network. One that has not done so by
// then never will.
constexpr Duration max_for_reverse_name = std::chrono::seconds(30);

Task<Result<int>> find_reverse_name(const Settings& settings, PodFacts& facts) {
    SteadyClock clock;
    const auto resolver = follow_resolv_conf(clock);
    const auto without = identify(settings, facts);
    ReverseQuestion question{
        .own_addresses =
            [&facts] {
                return own_addresses(read_network_facts(SystemPaths{}), facts.hosts_file,
                                     facts.kernel_hostname);
            },
        .rank_of = [&settings,
                    named = facts](const std::string& name) mutable -> Result<std::uint32_t> {
            named.reverse_name = name;
            auto identity = identify(settings, named);
            if (!identity) return fail(std::move(identity.error()));
            return identity->rank;
        },
        .advice = without ? std::string() : without.error().cause + ": " + without.error().hint};
    const auto gate = make_reverse_gate(std::move(question), *resolver, clock, facts.reverse_name);
    const std::string doing = "find the rank of this pod by the name of";
    const WaitPolicy policy{
        .timeout = std::min<Duration>(settings.wait_timeout, max_for_reverse_name),
        .backoff = {},
        .seed = ::randombytes_random()};
    const std::vector<Gate*> gates{gate.get()};
    auto summary = co_await wait_for_gates(doing, gates, policy, clock);
    if (!summary) co_return fail(summary.error());
    co_return 0;
}

}  // namespace

Stage<PodFacts> learn_facts(const Settings& settings, const Environment& environment) {
    PodFacts facts = read_pod_facts(environment, SystemPaths{});
    facts.scratch = read_scratch_facts(environment, settings.root);
    if (needs_reverse_name(settings, facts)) {
        auto found = pass_until_signal(find_reverse_name(settings, facts));
        if (!found) return tl::unexpected(found.error());
    }
    return facts;
}

Result<IdentifiedPod> identify_pod(const Settings& settings, PodFacts facts) {
    IdentifiedPod pod;
    pod.facts = std::move(facts);
    auto identity = identify(settings, pod.facts);
    if (!identity) return fail(identity.error());
    pod.identity = std::move(*identity);
    log::set_pod(pod.identity.hostname);
    return pod;
}

Stage<IdentifiedPod> identify_this_pod(const Settings& settings, const Environment& environment,
                                       BootReport& report) {
    report.begin("identity");
    auto facts = learn_facts(settings, environment);
    if (!facts) return tl::unexpected(facts.error());
    auto pod = identify_pod(settings, std::move(*facts));
    if (!pod) return fail(pod.error());
    report.set_pod(pod->identity.hostname, pod->identity.rank);
    return std::move(*pod);
}

NodeFacts read_node_facts(const Settings& settings, NodeShape shape, bool in_kubernetes) {
    return {.shape = std::move(shape),
            .limits = read_cgroup_limits(),
            .in_kubernetes = in_kubernetes,
            .cpu_request = settings.cpu_request,
            .cpu_limit = settings.cpu_limit,
            .declared_cores = {},
            .discovers = settings.resources == ResourcesMode::discover};
}

namespace {

Result<std::string> read_user_toml(const Settings& settings) {
    if (settings.broker_config.empty()) return std::string();
    auto read = read_file(settings.broker_config);
    if (read) return std::move(*read);
    return fail({.code = ExitCode::settings,
                 .doing = "read the broker config to merge",
                 .subject = settings.broker_config,
                 .cause = read.error().cause,
                 .hint = "it was named by " + settings.origin_of("broker-config")});
}

// This pod's part of the node.
Result<std::optional<NodeShare>> share_node(const Settings& settings, const IdentifiedPod& pod,
                                            std::optional<NodeFacts> facts) {
    if (!facts) return std::nullopt;
    if (settings.resources == ResourcesMode::render) {
        auto declared = declared_resources(settings, pod.identity.hosts);
        if (!declared) return fail(declared.error());
        facts->declared_cores = declared_cores(*declared, pod.identity.rank);
    }
    return apply_node_rule(std::move(*facts), settings.node_rule, settings.node_reserve);
}

// render may print for another pod, so only a boot is refused for it.
bool nobody_can_connect(const Plan& plan) {
    const bool has_peers =
        !plan.children.empty() || (plan.identity.is_lead() && plan.identity.max_size > 1);
    return plan.bind.only_loopback && has_peers;
}

}  // namespace

Result<Surroundings> look_around(const Settings& settings, bool in_kubernetes) {
    Surroundings around{.node = {}, .network = read_network_facts(SystemPaths{}), .user_toml = {}};
    if (settings.resources == ResourcesMode::render || settings.node_rule != NodeRule::off) {
        auto shape = inspect_topology();
        if (!shape) return fail(shape.error());
        around.node = read_node_facts(settings, std::move(*shape), in_kubernetes);
    }
    auto user_toml = read_user_toml(settings);
    if (!user_toml) return fail(user_toml.error());
    around.user_toml = std::move(*user_toml);
    return around;
}

Result<Plan> plan_pod(const Settings& settings, const IdentifiedPod& pod,
                      const Surroundings& around) {
    auto node = share_node(settings, pod, around.node);
    if (!node) return fail(node.error());
    auto bind =
        choose_bind(settings.bind, around.network, pod.facts.hosts_file, pod.identity.hostname);
    if (!bind) return fail(bind.error());
    auto plan = make_plan(settings, pod.identity, *bind, *node, around.user_toml);
    if (plan && pod.facts.scratch) return with_scratch(std::move(*plan), *pod.facts.scratch);
    return plan;
}

namespace {

void log_node(const Plan& plan) {
    if (!plan.node) return;
    const Judgement& node = *plan.node;
    log::write(node.advice.empty() ? LogLevel::info : LogLevel::warning,
               fmt::format("node rule: {}: {}{}{}", name_of(node.verdict), node.reason,
                           node.advice.empty() ? "" : "; ", node.advice));
}

void log_scratch(const Plan& plan) {
    for (const auto& [warns, text] : plan.scratch) {
        log::write(warns ? LogLevel::warning : LogLevel::info, text);
    }
}

}  // namespace

Result<Plan> plan_boot(const Settings& settings, const IdentifiedPod& pod,
                       const Surroundings& around) {
    auto plan = plan_pod(settings, pod, around);
    if (!plan) return fail(plan.error());
    if (nobody_can_connect(*plan)) {
        return fail({.code = ExitCode::settings,
                     .doing = "bind the broker for other pods",
                     .cause = plan->bind.reason,
                     .hint = "name an interface or an address with --bind, or '*' for all"});
    }
    const Identity& identity = pod.identity;
    log::info("rank {} of {} ({}), {}", identity.rank, identity.size, identity.platform,
              plan->parent ? "parent " + identity.address_of(*plan->parent) : "the lead");
    log_node(*plan);
    log_scratch(*plan);
    if (!plan->bind.address) log::warning("bind to {}", plan->bind.reason);
    return plan;
}

Task<Result<ParentFound>> wait_for_parent(const Plan& plan, WaitUntil until, const PodFacts& facts,
                                          const CurveCert* cert, Clock& clock, FormerLife* former) {
    if (!plan.gate) co_return ParentFound{};

    Route route{.host = plan.gate->host, .port = plan.gate->port, .addresses = {}, .answered = {}};
    auto resolver = follow_resolv_conf(clock);
    std::vector<std::unique_ptr<Gate>> stages;
    stages.push_back(make_dns_gate(route, *resolver, facts.hosts_file, clock,
                                   {.crowd = plan.identity.size, .epoch_offset = {}}));
    if (former != nullptr) stages.push_back(make_former_life_gate(route, *former, clock));
    if (until != WaitUntil::dns) stages.push_back(make_tcp_gate(route, clock));
    if (until == WaitUntil::curve && cert != nullptr) {
        stages.push_back(make_curve_gate(route, *cert, clock));
    }
    std::vector<Gate*> gates;
    gates.reserve(stages.size());
    for (const auto& stage : stages) gates.push_back(stage.get());

    const WaitPolicy policy{
        .timeout = plan.gate->timeout, .backoff = {}, .seed = ::randombytes_random()};
    auto summary = co_await wait_for_gates(
        fmt::format("wait for the parent broker, rank {}", plan.gate->parent), gates, policy,
        clock);
    if (!summary) co_return fail(summary.error());

    co_return ParentFound{.summary = std::move(*summary),
                          .answered = route.answered,
                          .addresses = std::move(route.addresses),
                          .former = {}};
}

Result<int> run_until_signal(Task<Result<int>> boot) {
    release_startup_pages();
    asio::io_context context(1);
    auto race = [](Task<Result<int>> work) -> Task<Result<int>> {
        auto first = co_await (std::move(work) || next_boot_signal());
        if (auto* ended = std::get_if<0>(&first)) co_return std::move(*ended);
        const int number = std::get<1>(first);
        log::info("ended by {} before the launch", signal_name(number));
        co_return exit_for_signal(number);
    };
    return run_task(context, race(std::move(boot)));
}

Stage<void> pass_until_signal(Task<Result<int>> boot) {
    auto ended = run_until_signal(std::move(boot));
    if (!ended) return fail(ended.error());
    if (*ended != 0) return tl::unexpected(Stop::with(*ended));
    return {};
}

}  // namespace fluxpod
