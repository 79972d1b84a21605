// SPDX-License-Identifier: Apache-2.0
// The steps of a boot that run, render and preflight share, in their order (design: settings,
// identity, topology, plan, files, gates, launch). Each is a call of one or two rooms.
#pragma once

#include <optional>
#include <string>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/commands/table.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/gates/former_life.hpp"
#include "fluxpod/gates/wait.hpp"
#include "fluxpod/identity/network_facts.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/report/boot_report.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// settings: loads them and configures the log by them.
[[nodiscard]] Result<Settings> load_and_configure_log(const Invocation& invocation);

// Runs `boot` between loading the settings and the end of the boot report, which gets its error.
[[nodiscard]] Result<int> with_report(Invocation& invocation,
                                      Result<int> (*boot)(Invocation&, const Settings&,
                                                          BootReport&));

// identity: reads this pod's facts. If nothing else tells the index, waits for the name that the
// DNS has for the pod's address (gates/reverse_gate.hpp), within --wait-timeout and 30 s at most.
// 0, or 128+n if signal n ended the wait.
[[nodiscard]] Result<int> learn_facts(const Settings& settings, const Environment& environment,
                                      PodFacts& facts);

// Judges the facts against the settings, and hands them back for what follows.
struct IdentifiedPod {
    PodFacts facts;
    Identity identity;
};
[[nodiscard]] Result<IdentifiedPod> identify_pod(const Settings& settings, PodFacts facts);

// topology: what is known of this node, but for what is declared of it.
[[nodiscard]] NodeFacts read_node_facts(const Settings& settings, NodeShape shape,
                                        bool in_kubernetes);

// topology: what this machine and the user's TOML say, looked at once for any number of pods: hwloc
// is slow, and a pipe can be read only once.
struct Surroundings {
    std::optional<NodeFacts> node;  // nullopt if Flux discovers resources and the node rule is off
    NetworkFacts network;
    std::string user_toml;
};
[[nodiscard]] Result<Surroundings> look_around(const Settings& settings, bool in_kubernetes);

// plan: every decision for this pod.
[[nodiscard]] Result<Plan> plan_pod(const Settings& settings, const IdentifiedPod& pod,
                                    const Surroundings& around);

// Plans as a stage of the report, and logs one line that says who this pod is.
[[nodiscard]] Result<Plan> plan_boot(const Settings& settings, const IdentifiedPod& pod,
                                     BootReport& report);

struct PlannedPod {
    PodFacts facts;
    Plan plan;
};

// gates: wait until the parent broker answers as far as the plan says. `cert` may be null if the
// plan has no certificate. The lead has no gate and is through at once.
// `former`, which may be null, is the parent's life that must be over.
struct ParentFound {
    WaitSummary summary;
    std::optional<asio::ip::tcp::endpoint> answered;  // nothing if only its name was asked
    std::vector<asio::ip::address> addresses;         // all of its name
    // Set once it has shut down in order: the next wait is for another life.
    std::optional<FormerLife> former;
};
[[nodiscard]] Task<Result<ParentFound>> wait_for_parent(const Plan& plan, const PodFacts& facts,
                                                        const CurveCert* cert, Clock& clock,
                                                        FormerLife* former = nullptr);

// launch: the environment as the plan has it, made from the inherited one.
[[nodiscard]] Environment planned_environment(const LaunchPlan& launch, Environment inherited);

// Runs a task raced against the signals that end a boot: a signal is its exit code, 128+n.
[[nodiscard]] Result<int> run_until_signal(Task<Result<int>> boot);

}  // namespace fluxpod
