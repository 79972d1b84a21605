// SPDX-License-Identifier: Apache-2.0
// A boot that stands up the overlay instead of Flux: settings, identity, topology, plan, gates,
// roll call. It writes only the report.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fluxpod/base/log.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/files/certificate.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/overlay/handshake.hpp"
#include "fluxpod/overlay/roll_call.hpp"

namespace fluxpod {

namespace {

// "4 of 4 ranks joined in 312ms over CURVE"
std::string summary_of(const RollCall& call, Duration elapsed) {
    // The last to come decides; a follower has no rows.
    Duration last = call.complete && !call.rows.empty() ? Duration::zero() : elapsed;
    if (call.complete) {
        for (const auto& row : call.rows) last = std::max(last, row.after);
    }
    return fmt::format("{} of {} ranks joined in {} over CURVE", call.joined, call.size,
                       describe_duration(last));
}

std::string table_of(const RollCall& call) {
    std::size_t width = 4;
    for (const auto& row : call.rows) width = std::max(width, row.hostname.size());
    std::string text = fmt::format("{:>6}  {:<{}}  {:>8}  {:>8}  STATE\n", "RANK", "HOST", width,
                                   "JOINED", "WAITED");
    for (const auto& row : call.rows) {
        text += fmt::format("{:>6}  {:<{}}  {:>8}  {:>8}  {}\n", row.rank, row.hostname, width,
                            row.joined ? describe_duration(row.after) : "-",
                            row.joined ? describe_duration(row.waited) : "-",
                            row.joined ? "joined" : row.missing);
    }
    return text;
}

Error missing_error(const RollCall& call, Duration elapsed) {
    return {.code = call.refused_keys ? ExitCode::curve : ExitCode::network,
            .doing = "call the roll of",
            .subject = call.size > 0 ? fmt::format("{} ranks", call.size) : "the ranks",
            .cause = call.lacking,
            .tried = "after " + describe_duration(elapsed),
            .hint = call.refused_keys
                        ? "give every pod the same certificate"
                        : "see the logs of those that are missing, and of their parents first"};
}

// Everything that may take time, raced against signals by the caller.
Task<Result<int>> meet(const Plan& plan, const Settings& settings, const PodFacts& facts,
                       const CurveCert* cert, BootReport& report) {
    SteadyClock clock;
    const TimePoint start = clock.now();
    // Without the answered address there is nothing to connect to, whatever run would wait for.
    auto parent = co_await wait_for_parent(plan, WaitUntil::curve, facts, cert, clock);
    if (!parent) co_return fail(parent.error());
    const Duration waited = clock.now() - start;
    if (plan.gate) {
        log::info("parent {} answers after {}", plan.gate->host, describe_duration(waited));
    }

    report.begin("roll call");
    const std::string endpoint = parent->answered ? zmq_endpoint(*parent->answered) : "";
    auto call =
        co_await run_roll_call(plan, cert, endpoint, waited, clock, start + settings.wait_timeout);
    if (!call) co_return fail(call.error());
    const Duration elapsed = clock.now() - start;
    const std::string summary = summary_of(*call, elapsed);
    report.note(summary);

    if (plan.identity.is_lead() && !settings.quiet) {
        auto printed = print(table_of(*call) + summary + "\n");
        if (!printed || *printed != 0) co_return printed;
    }
    if (!call->complete) co_return fail(missing_error(*call, elapsed));
    log::info("{}", summary);
    co_return 0;
}

}  // namespace

Result<int> preflight_command(Invocation& invocation) {
    const auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    auto report = BootReport::open(settings->report);
    if (!report) return fail(report.error());

    const auto pod = identify_this_pod(*settings, invocation.environment, *report);
    if (!pod) return end_at(pod.error(), *report);
    report->begin("plan");
    const auto node = look_around(*settings, pod->facts.in_kubernetes);
    if (!node) return end_at(node.error(), *report);
    const auto plan = plan_boot(*settings, *pod, *node);
    if (!plan) return end_at(plan.error(), *report);
    const auto certificate = obtain_certificate(plan->certificate);
    if (!certificate) return end_at(certificate.error(), *report);

    report->begin("gates");
    const CurveCert* cert = certificate->has_value() ? &**certificate : nullptr;
    auto ended = run_until_signal(meet(*plan, *settings, pod->facts, cert, *report));
    if (!ended) return end_at(ended.error(), *report);
    report->end();
    return ended;
}

}  // namespace fluxpod
