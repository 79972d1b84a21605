// SPDX-License-Identifier: Apache-2.0
// fluxpod wait: gates from the command line, all targets in parallel, then the command.
#include "fluxpod/gates/wait.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/base/together.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/files/certificate.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/gates/curve_gate.hpp"
#include "fluxpod/gates/dns_gate.hpp"
#include "fluxpod/gates/file_gate.hpp"
#include "fluxpod/gates/target.hpp"
#include "fluxpod/gates/tcp_gate.hpp"
#include "fluxpod/identity/pod_facts.hpp"
#include "fluxpod/process/exec.hpp"

namespace fluxpod {

namespace {

using Kind = WaitTarget::Kind;

constexpr std::size_t max_failures_named = 8;

Error usage(std::string subject, std::string cause) {
    return usage_error("wait for", std::move(subject), std::move(cause),
                       fmt::format("a target is {}", wait_target_forms));
}

// Each host of a host file is a target of its own.
Result<std::vector<WaitTarget>> targets_of_host_file(const WaitTarget& hosts) {
    auto text = read_file(hosts.path);
    auto names = text ? parse_host_file(*text)
                      : OrCause<std::vector<std::string>>(tl::unexpected(text.error().cause));
    if (!names) {
        return fail({.code = ExitCode::settings,
                     .doing = "read the host file",
                     .subject = hosts.path,
                     .cause = names.error(),
                     .hint = "its lines are 'host', 'host slots=N' or 'host:N'"});
    }
    std::vector<WaitTarget> targets;
    for (auto& name : *names) {
        targets.push_back({.kind = hosts.port == 0 ? Kind::dns : Kind::tcp,
                           .host = std::move(name),
                           .port = hosts.port,
                           .path = {}});
    }
    return targets;
}

Result<std::vector<WaitTarget>> read_targets(const std::vector<std::string>& operands) {
    if (operands.empty()) return fail(usage("", "missing TARGET"));
    std::vector<WaitTarget> targets;
    for (const auto& operand : operands) {
        auto target = parse_wait_target(operand);
        if (!target) return fail(usage(operand, target.error()));
        if (target->kind != Kind::hosts) {
            targets.push_back(std::move(*target));
            continue;
        }
        auto hosts = targets_of_host_file(*target);
        if (!hosts) return fail(hosts.error());
        std::move(hosts->begin(), hosts->end(), std::back_inserter(targets));
    }
    return targets;
}

Result<std::optional<CurveCert>> read_certificate(const Settings& settings,
                                                  const std::vector<WaitTarget>& targets) {
    const bool needed = std::any_of(targets.begin(), targets.end(),
                                    [](const auto& each) { return each.kind == Kind::curve; });
    if (!needed) return std::nullopt;
    if (settings.curve_cert.empty() && settings.curve_secret.empty()) {
        return fail({.code = ExitCode::certificate,
                     .doing = "wait for a curve: target",
                     .cause = "no certificate is given",
                     .hint = "name it with --curve-cert or --curve-secret"});
    }
    using Source = CertPlan::Source;
    return obtain_certificate(settings.curve_cert.empty()
                                  ? CertPlan{Source::secret, settings.curve_secret}
                                  : CertPlan{Source::file, settings.curve_cert});
}

// Shared by all targets; outlives them.
struct WaitContext {
    const PodFacts& facts;
    Resolver& resolver;
    const CurveCert* cert;
    Duration timeout;
    Clock& clock;
};

// One target's gates over its own route.
class TargetWait {
  public:
    TargetWait(const WaitTarget& target, const WaitContext& context)
        : context_(context),
          route_{.host = target.host, .port = target.port, .addresses = {}, .answered = {}} {
        if (target.kind == Kind::file) {
            gates_.push_back(make_file_gate(target.path));
            return;
        }
        gates_.push_back(
            make_dns_gate(route_, context.resolver, context.facts.hosts_file, context.clock));
        if (target.kind == Kind::dns) return;
        gates_.push_back(make_tcp_gate(route_, context.clock));
        if (target.kind == Kind::curve) {
            gates_.push_back(make_curve_gate(route_, *context.cert, context.clock));
        }
    }
    TargetWait(const TargetWait&) = delete;
    TargetWait& operator=(const TargetWait&) = delete;
    ~TargetWait() = default;

    Task<void> run() {
        std::vector<Gate*> gates;
        for (const auto& gate : gates_) gates.push_back(gate.get());
        const WaitPolicy policy{
            .timeout = context_.timeout, .backoff = {}, .seed = ::randombytes_random()};
        const std::string doing = "wait for";
        auto summary = co_await wait_for_gates(doing, gates, policy, context_.clock);
        if (!summary) {
            failure_ = std::move(summary.error());
            co_return;
        }
        const Gate& last = *gates_.back();
        log::info("{} {} is open after {}", last.name(), last.subject(),
                  describe_duration(summary->elapsed));
    }

    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  private:
    const WaitContext& context_;
    Route route_;
    std::vector<std::unique_ptr<Gate>> gates_;
    std::optional<Error> failure_;
};

// One error for all targets that did not open; the first one's code.
Error joined(const std::vector<Error>& failures, std::size_t all) {
    if (failures.size() == 1) return failures.front();
    std::vector<std::string> named;
    for (const auto& failure : failures) {
        if (named.size() == max_failures_named) {
            named.push_back(fmt::format("and {} more", failures.size() - named.size()));
            break;
        }
        named.push_back(fmt::format("{} ({})", failure.subject, failure.cause));
    }
    return {.code = failures.front().code,
            .doing = "wait for",
            .subject = fmt::format("{} of {} targets", failures.size(), all),
            .cause = join(named, ", "),
            .tried = failures.front().tried,
            .hint = failures.front().hint};
}

Task<Result<int>> wait_for_all(const std::vector<WaitTarget>& targets, const Settings& settings,
                               const PodFacts& facts, const CurveCert* cert) {
    SteadyClock clock;
    const TimePoint deadline = clock.now() + settings.timeout;
    auto resolver = follow_resolv_conf(clock);
    const WaitContext context{.facts = facts,
                              .resolver = *resolver,
                              .cert = cert,
                              .timeout = settings.timeout,
                              .clock = clock};
    std::vector<std::unique_ptr<TargetWait>> waits;
    std::vector<Task<void>> tasks;
    for (const auto& target : targets) {
        waits.push_back(std::make_unique<TargetWait>(target, context));
        tasks.push_back(waits.back()->run());
    }
    // A target that can never open ends the wait at once; at the deadline all missing ones are
    // named.
    co_await together(std::move(tasks), [&] {
        return clock.now() < deadline &&
               std::any_of(waits.begin(), waits.end(),
                           [](const auto& wait) { return wait->failure().has_value(); });
    });

    std::vector<Error> failures;
    for (const auto& wait : waits) {
        if (wait->failure()) failures.push_back(*wait->failure());
    }
    if (!failures.empty()) co_return fail(joined(failures, waits.size()));
    co_return 0;
}

void warn_if_missing(const std::string& argv0, const Environment& environment) {
    auto found = find_program(argv0, environment);
    if (found) return;
    log::warning("{} cannot be run yet ({}); it is looked up again after the wait", argv0,
                 found.error().cause);
}

}  // namespace

Result<int> wait_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());

    // Everything that can be wrong by itself is said before anything is waited for.
    auto targets = read_targets(settings->operands);
    if (!targets) return fail(targets.error());
    auto cert = read_certificate(*settings, *targets);
    if (!cert) return fail(cert.error());
    // A target may bring the command with it.
    const bool has_command = !settings->command.empty();
    if (has_command) warn_if_missing(settings->command.front(), invocation.environment);

    const PodFacts facts = read_pod_facts(invocation.environment, SystemPaths{});
    auto visited =
        run_until_signal(wait_for_all(*targets, *settings, facts, *cert ? &**cert : nullptr));
    if (!visited || *visited != 0 || !has_command) return visited;
    auto program = find_program(settings->command.front(), invocation.environment);
    if (!program) return fail(program.error());
    return fail(exec_program(*program, settings->command, invocation.environment,
                             invocation.inherited_mask));
}

}  // namespace fluxpod
