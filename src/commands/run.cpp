// SPDX-License-Identifier: Apache-2.0
// THE BOOT, from top to bottom: settings, identity, node, plan, files, gates, launch.
//
// Faults of configuration show before anything is waited for, nothing is written before every
// decision is made, and nothing is started before the parent answers.
#include <fmt/format.h>
#include <sodium.h>

#include <utility>
#include <vector>

#include "fluxpod/base/log.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/commands/supervised.hpp"
#include "fluxpod/files/apply.hpp"
#include "fluxpod/files/certificate.hpp"
#include "fluxpod/files/render.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/gates/tcp_gate.hpp"
#include "fluxpod/overlay/handshake.hpp"
#include "fluxpod/plan/broker.hpp"
#include "fluxpod/process/exec.hpp"
#include "fluxpod/process/init.hpp"
#include "fluxpod/process/processes.hpp"
#include "fluxpod/process/program_gate.hpp"
#include "fluxpod/process/signals.hpp"
#include "fluxpod/supervise/kept_state.hpp"

namespace fluxpod {

namespace {

// Ready before the wait for the parent.
struct Prepared {
    Program broker;
    std::optional<CurveCert> certificate;
};

Stage<void> begin_afresh(const Settings& settings, Environment& environment);
Stage<Prepared> write_files(const Plan& plan, const Settings& settings,
                            const Invocation& invocation, BootReport& report);
Task<Result<int>> pass_gates(const Plan& plan, const PodFacts& facts,
                             const std::optional<CurveCert>& certificate, BootReport& report,
                             ParentFound& parent);
Stage<int> become_broker(const Program& broker, const Plan& plan, const Settings& settings,
                         BootReport& report, const PassGates& gates);

}  // namespace

Result<int> run_command(Invocation& invocation) {
    const auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    auto report = BootReport::open(settings->report);
    if (!report) return fail(report.error());
    const auto begun = begin_afresh(*settings, invocation.environment);
    if (!begun) return end_at(begun.error(), *report);

    // Which rank is this pod, and how are the others called?
    const auto pod = identify_this_pod(*settings, invocation.environment, *report);
    if (!pod) return end_at(pod.error(), *report);

    // What hardware and which networks are here?
    report->begin("plan");
    const auto node = look_around(*settings, pod->facts.in_kubernetes);
    if (!node) return end_at(node.error(), *report);

    // Every decision, before anything is written or sent.
    const auto plan = plan_boot(*settings, *pod, *node);
    if (!plan) return end_at(plan.error(), *report);

    // Before the gates, so that a fault of the files shows early.
    const auto prepared = write_files(*plan, *settings, invocation, *report);
    if (!prepared) return end_at(prepared.error(), *report);

    // The broker starts when its first connection attempt succeeds, and not before. A supervisor
    // passes the gates again before it starts its broker again.
    ParentFound parent;
    const PassGates gates = [&] {
        return pass_gates(*plan, pod->facts, prepared->certificate, *report, parent);
    };

    const auto ended =
        settings->supervise
            ? run_supervised(prepared->broker, *plan, pod->facts, *settings, *report, gates, parent)
            : become_broker(prepared->broker, *plan, *settings, *report, gates);
    return ended ? Result<int>(*ended) : end_at(ended.error(), *report);
}

namespace {

// Separates this boot from an earlier life of the container, and from processes that other
// programs of it started.
Stage<void> begin_afresh(const Settings& settings, Environment& environment) {
    // A supervisor ends what its broker leaves, and must not take another's child for it.
    if (settings.supervise && has_living_child()) {
        auto above = step_below_an_init(environment);
        if (!above) return fail(above.error());
        if (*above) return tl::unexpected(Stop::with(**above));
    }
    forget_state(Layout::below(settings.root).state);
    return {};
}

// ---- files
// ---------------------------------------------------------------------------------------

Status write_config(const Plan& plan, const std::optional<CurveCert>& certificate,
                    const std::string& parent_endpoint = {}) {
    auto files = render_files(plan, parent_endpoint);
    if (!files) return fail(files.error());
    auto applied = apply_files(plan, *files, certificate);
    if (!applied) return fail(applied.error());
    return {};
}

// A program that is named by its path may be part of a view that a sidecar still copies. PATH names
// what the image has.
Task<Result<int>> await_program(std::string program, const Environment& environment,
                                Duration timeout) {
    if (program.find('/') == std::string::npos || find_program(program, environment)) co_return 0;
    SteadyClock clock;
    const auto gate = make_program_gate(std::move(program), environment);
    const std::string doing = "wait for the program";
    const WaitPolicy policy{.timeout = timeout, .backoff = {}, .seed = ::randombytes_random()};
    const std::vector<Gate*> gates{gate.get()};
    auto summary = co_await wait_for_gates(doing, gates, policy, clock);
    if (!summary) co_return fail(summary.error());
    log::info("{} is there after {}", gate->subject(), describe_duration(summary->elapsed));
    co_return 0;
}

// Flux has a shell run its rc1 and rc3, and says of one that is missing only that its own "flux
// modprobe rc1" could not be launched. A view may bring one.
void choose_shell(const std::string& view, Environment& environment) {
    const std::string shell = environment.get("SHELL").value_or("/bin/bash");
    if (find_program(shell, environment)) return;
    const std::string brought = view + "/bin/bash";
    if (!view.empty() && find_program(brought, environment)) {
        environment.set("SHELL", brought);
        return;
    }
    log::warning("shell {} not found; Flux runs rc1 with it: set SHELL to one that is there",
                 shell);
}

Environment broker_environment(const Plan& plan, Environment inherited) {
    for (const auto& [name, value] : plan.launch.set_environment) inherited.set(name, value);
    for (const auto& [name, value] : plan.launch.append_environment) {
        const std::string before = inherited.get(name).value_or("");
        // As in a container whose other programs are given it by the manifest.
        const bool is_there = (":" + before + ":").find(":" + value + ":") != std::string::npos;
        if (is_there) continue;
        inherited.set(name, before.empty() ? value : fmt::format("{}:{}", before, value));
    }
    choose_shell(plan.view, inherited);
    return inherited;
}

Stage<Prepared> write_files(const Plan& plan, const Settings& settings,
                            const Invocation& invocation, BootReport& report) {
    // A program that is missing shows before the wait for the parent.
    auto came = pass_until_signal(
        await_program(plan.launch.flux, invocation.environment, settings.wait_timeout));
    if (!came) return tl::unexpected(came.error());
    auto program = find_program(plan.launch.flux, invocation.environment);
    if (!program) return fail(program.error());

    report.begin("files");
    auto certificate = obtain_certificate(plan.certificate);
    if (!certificate) return fail(certificate.error());
    auto written = write_config(plan, *certificate);
    if (!written) return fail(written.error());
    report.keep_state(plan.layout.state, settings.supervise);

    // Flux gets only an archive that is known to be whole.
    auto restores = ready_to_restore(plan);
    if (!restores) return fail(restores.error());
    return Prepared{.broker = {.path = std::move(*program),
                               .argv = broker_argv(plan, *restores),
                               .environment = broker_environment(plan, invocation.environment),
                               .mask = invocation.inherited_mask},
                    .certificate = std::move(*certificate)};
}

// ---- gates
// ---------------------------------------------------------------------------------------

std::string describe(const WaitSummary& summary) {
    std::string text;
    for (const auto& stage : summary.stages) {
        text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", stage.gate, stage.tries,
                            stage.tries == 1 ? "try" : "tries");
    }
    return text;
}

// What must be true before each start of a broker; the caller races it against signals. `parent`
// is what was found, and outlives it.
Task<Result<int>> pass_gates(const Plan& plan, const PodFacts& facts,
                             const std::optional<CurveCert>& certificate, BootReport& report,
                             ParentFound& parent) {
    report.begin("gates");
    if (!plan.gate) co_return 0;
    SteadyClock clock;
    const CurveCert* cert = certificate ? &*certificate : nullptr;
    FormerLife* former = parent.former ? &*parent.former : nullptr;
    auto found = co_await wait_for_parent(plan, plan.gate->until, facts, cert, clock, former);
    if (!found) co_return fail(found.error());
    parent = std::move(*found);
    report.set_parent(parent.answered ? describe_endpoint(*parent.answered) : "");
    const std::string how = describe(parent.summary);
    report.note(how);
    log::info("parent {} answers after {} ({})", plan.gate->host,
              describe_duration(parent.summary.elapsed), how);

    // The address that answered is the one that the broker connects to: its own resolver, with
    // its caches and its five seconds for a lost packet, is out of the picture.
    if (plan.gate->pin && parent.answered) {
        report.begin("pin");
        auto pinned = write_config(plan, certificate, zmq_endpoint(*parent.answered));
        if (!pinned) co_return fail(pinned.error());
    }
    co_return 0;
}

// ---- launch
// --------------------------------------------------------------------------------------

// After execve(2) nobody is left who could mend these (docs/pid1.md, "exec or supervise").
void log_what_exec_gives_up(const Plan& plan, const Settings& settings) {
    if (plan.gate) {
        log::info("without --supervise this pod does not notice a parent that is killed");
    } else if (!settings.command.empty()) {
        log::info(
            "without --supervise a SIGTERM before the quorum ends this pod with status 0, "
            "although the program never ran");
    }
}

// This process becomes the broker; nothing of fluxpod stays behind.
Stage<int> become_broker(const Program& broker, const Plan& plan, const Settings& settings,
                         BootReport& report, const PassGates& gates) {
    (void)look_for_earlier_store(plan);
    auto passed = pass_until_signal(gates());
    if (!passed) return tl::unexpected(passed.error());

    log_what_exec_gives_up(plan, settings);
    report.begin("launch");
    if (auto number = pending_boot_signal()) return exit_for_signal(*number);
    report.end();
    return fail(exec_program(broker.path, broker.argv, broker.environment, broker.mask));
}

}  // namespace

}  // namespace fluxpod
