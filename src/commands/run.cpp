// SPDX-License-Identifier: Apache-2.0
// THE BOOT, from top to bottom: settings, identity, topology, plan, files, gates, launch.
//
// Faults of configuration show before anything is waited for, nothing is written before every
// decision is made, and nothing is started before the parent answers.
#include <fmt/format.h>
#include <sodium.h>

#include <utility>
#include <vector>

#include "fluxpod/base/log.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/commands/kept_state.hpp"
#include "fluxpod/commands/supervised.hpp"
#include "fluxpod/files/apply.hpp"
#include "fluxpod/files/render.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/gates/tcp_gate.hpp"
#include "fluxpod/launch/exec.hpp"
#include "fluxpod/launch/init.hpp"
#include "fluxpod/launch/processes.hpp"
#include "fluxpod/launch/program_gate.hpp"
#include "fluxpod/launch/signals.hpp"
#include "fluxpod/overlay/handshake.hpp"
#include "fluxpod/plan/make.hpp"

namespace fluxpod {

namespace {

std::string describe(const WaitSummary& summary) {
    std::string text;
    for (const auto& stage : summary.stages) {
        text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", stage.gate, stage.tries,
                            stage.tries == 1 ? "try" : "tries");
    }
    return text;
}

Status write_files(const Plan& plan, const std::optional<CurveCert>& certificate) {
    auto files = render_files(plan);
    if (!files) return fail(files.error());
    auto applied = apply_files(plan, *files, certificate);
    if (!applied) return fail(applied.error());
    return {};
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

// A program that is named by its path may be part of a view that a sidecar still copies. PATH names
// what the image has.
Task<Result<int>> await_program(std::string argv0, const Environment& environment,
                                Duration timeout) {
    if (argv0.find('/') == std::string::npos || find_program(argv0, environment)) co_return 0;
    SteadyClock clock;
    const auto gate = make_program_gate(std::move(argv0), environment);
    const std::string doing = "wait for the program";
    const WaitPolicy policy{.timeout = timeout, .backoff = {}, .seed = ::randombytes_random()};
    const std::vector<Gate*> gates{gate.get()};
    auto summary = co_await wait_for_gates(doing, gates, policy, clock);
    if (!summary) co_return fail(summary.error());
    log::info("{} is there after {}", gate->subject(), describe_duration(summary->elapsed));
    co_return 0;
}

// gates: the broker starts when its first connection attempt succeeds, and not before. What must be
// true before each start of a broker; raced against signals by the caller. `parent` outlives it.
Task<Result<int>> pass_gates(const PlannedPod& pod, const std::optional<CurveCert>& certificate,
                             BootReport& report, ParentFound& parent) {
    const Plan& plan = pod.plan;
    report.begin("gates");
    SteadyClock clock;
    const CurveCert* cert = certificate ? &*certificate : nullptr;
    FormerLife* former = parent.former ? &*parent.former : nullptr;
    auto found = co_await wait_for_parent(plan, pod.facts, cert, clock, former);
    if (!found) co_return fail(found.error());
    parent = std::move(*found);
    if (!plan.gate) co_return 0;
    report.set_parent(parent.answered ? describe_endpoint(*parent.answered) : "");
    const std::string how = describe(parent.summary);
    report.note(how);
    log::info("parent {} answers after {} ({})", plan.gate->host,
              describe_duration(parent.summary.elapsed), how);

    // The address that answered is the one that the broker connects to: its own resolver, with
    // its caches and its five seconds for a lost packet, is out of the picture.
    if (plan.gate->pin && parent.answered) {
        report.begin("pin");
        auto repinned = write_files(pinned(plan, zmq_endpoint(*parent.answered)), certificate);
        if (!repinned) co_return fail(repinned.error());
    }
    co_return 0;
}

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

Result<int> boot(Invocation& invocation, const Settings& settings, BootReport& report) {
    // A supervisor ends what its broker leaves, and must not take another's child for it.
    if (settings.supervise && has_living_child()) {
        auto above = step_below_an_init(invocation.environment);
        if (!above) return fail(above.error());
        if (*above) return **above;
    }

    // Remove the previous run's state file.
    forget_state(Layout::below(settings.root).state);

    // identity, topology and plan: which rank is this pod, how are the others called, what hardware
    // is here; then every decision, before anything is written or sent.
    report.begin("identity");
    PodFacts facts;
    auto learned = learn_facts(settings, invocation.environment, facts);
    if (!learned || *learned != 0) return learned;
    auto identified = identify_pod(settings, std::move(facts));
    if (!identified) return fail(identified.error());
    auto planned = plan_boot(settings, *identified, report);
    if (!planned) return fail(planned.error());
    PlannedPod pod{.facts = std::move(identified->facts), .plan = std::move(*planned)};
    const Plan& plan = pod.plan;

    // Find the program now, so that a missing one fails before the wait for the parent.
    auto came = run_until_signal(
        await_program(plan.launch.argv.front(), invocation.environment, settings.wait_timeout));
    if (!came || *came != 0) return came;
    auto program = find_program(plan.launch.argv.front(), invocation.environment);
    if (!program) return fail(program.error());

    // files: before the gates, so that their faults show early.
    report.begin("files");
    auto certificate = obtain_certificate(plan.certificate);
    if (!certificate) return fail(certificate.error());
    auto written = write_files(plan, *certificate);
    if (!written) return fail(written.error());
    report.keep_state(plan.layout.state, settings.supervise);

    // archive: pass Flux only a verified archive.
    auto restore = ready_to_restore(plan);
    if (!restore) return fail(restore.error());
    if (*restore) pod.plan = restoring(std::move(pod.plan));

    Environment environment = planned_environment(plan.launch, invocation.environment);
    choose_shell(plan.view, environment);
    const Program broker{.path = std::move(*program),
                         .argv = plan.launch.argv,
                         .environment = std::move(environment),
                         .mask = invocation.inherited_mask};
    ParentFound parent;
    auto gates = [&] { return pass_gates(pod, *certificate, report, parent); };
    if (settings.supervise) {
        // launch, and stay: see launch/supervisor.hpp.
        return run_supervised(broker, pod, settings, report, gates, parent);
    }
    (void)look_for_earlier_store(plan);
    auto passed = run_until_signal(gates());
    if (!passed || *passed != 0) return passed;

    // launch: this process becomes the broker; no process of fluxpod stays.
    log_what_exec_gives_up(plan, settings);
    report.begin("launch");
    if (auto number = pending_boot_signal()) return exit_for_signal(*number);
    report.end();
    return fail(exec_program(broker.path, broker.argv, broker.environment, broker.mask));
}

}  // namespace

Result<int> run_command(Invocation& invocation) { return with_report(invocation, boot); }

}  // namespace fluxpod
