// SPDX-License-Identifier: Apache-2.0
// The stages of a boot that several commands have in common: settings, identity, node, plan, gates.
// run.cpp shows them in their order.
#pragma once

#include <optional>
#include <string>
#include <utility>

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

// Why a command goes no further: an error, or a signal that ends it.
struct Stop {
    // So that fail(error) makes one.
    Stop(Error why) : error(std::move(why)) {}  // NOLINT(google-explicit-constructor)
    static Stop with(int exit_code) {
        Stop stop;
        stop.exit_code = exit_code;
        return stop;
    }

    std::optional<Error> error;
    int exit_code = 0;  // without an error

  private:
    Stop() = default;
};
template <class T>
using Stage = tl::expected<T, Stop>;

// The end of a command at `stop`; with a report, which gets the error as well.
[[nodiscard]] Result<int> end_at(const Stop& stop);
[[nodiscard]] Result<int> end_at(const Stop& stop, BootReport& report);

// settings: loads them and lets the log follow them.
[[nodiscard]] Result<Settings> load_and_configure_log(const Invocation& invocation);

// identity: reads this pod's facts and judges them against the settings. If nothing else tells the
// index, waits for the name that the DNS has for the pod's address (gates/reverse_gate.hpp), within
// --wait-timeout and 30 s at most. A signal ends the wait.
struct IdentifiedPod {
    PodFacts facts;
    Identity identity;
};
[[nodiscard]] Stage<PodFacts> learn_facts(const Settings& settings, const Environment& environment);
[[nodiscard]] Result<IdentifiedPod> identify_pod(const Settings& settings, PodFacts facts);
// Both, as a stage of the report.
[[nodiscard]] Stage<IdentifiedPod> identify_this_pod(const Settings& settings,
                                                     const Environment& environment,
                                                     BootReport& report);

// node: what is known of this one, but for what is declared of it.
[[nodiscard]] NodeFacts read_node_facts(const Settings& settings, NodeShape shape,
                                        bool in_kubernetes);

// node: what this machine and the user's TOML say, looked at once for any number of pods: hwloc is
// slow, and a pipe can be read only once.
struct Surroundings {
    std::optional<NodeFacts> node;  // nullopt if Flux discovers resources and the node rule is off
    NetworkFacts network;
    std::string user_toml;
};
[[nodiscard]] Result<Surroundings> look_around(const Settings& settings, bool in_kubernetes);

// plan: every decision for this pod.
[[nodiscard]] Result<Plan> plan_pod(const Settings& settings, const IdentifiedPod& pod,
                                    const Surroundings& around);
// The same for a pod that other pods will connect to, with lines in the log that say who it is and
// what was decided. Error 10 if nobody could connect to it.
[[nodiscard]] Result<Plan> plan_boot(const Settings& settings, const IdentifiedPod& pod,
                                     const Surroundings& around);

// gates: wait until the parent broker answers as far as `until` says. `cert` may be null where the
// plan has no certificate. The lead has no gate and is through at once.
// `former`, which may be null, is the parent's life that must be over.
struct ParentFound {
    WaitSummary summary;
    std::optional<asio::ip::tcp::endpoint> answered;  // nothing if only its name was asked
    std::vector<asio::ip::address> addresses;         // all of its name
    // Set once it has shut down in order: the next wait is for another life.
    std::optional<FormerLife> former;
};
[[nodiscard]] Task<Result<ParentFound>> wait_for_parent(const Plan& plan, WaitUntil until,
                                                        const PodFacts& facts,
                                                        const CurveCert* cert, Clock& clock,
                                                        FormerLife* former = nullptr);

// Runs a task raced against the signals that end a boot: a signal is its exit code, 128+n.
[[nodiscard]] Result<int> run_until_signal(Task<Result<int>> boot);
// The same as a stage: whatever ends it with another exit code than 0 ends the command.
[[nodiscard]] Stage<void> pass_until_signal(Task<Result<int>> boot);

}  // namespace fluxpod
