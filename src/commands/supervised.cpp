// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/commands/supervised.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <utility>

#include "fluxpod/base/backoff.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/process/signals.hpp"
#include "fluxpod/supervise/broker_socket.hpp"
#include "fluxpod/supervise/flux_requests.hpp"
#include "fluxpod/supervise/kept_state.hpp"
#include "fluxpod/supervise/parent_watch.hpp"
#include "fluxpod/supervise/pulse.hpp"
#include "fluxpod/supervise/supervisor.hpp"

namespace fluxpod {

namespace {

// Kubernetes' own default, terminationGracePeriodSeconds.
constexpr auto default_grace = std::chrono::seconds(30);

// A broker answers within milliseconds, and is asked again.
constexpr auto answer_within = std::chrono::seconds(1);
// A save counts as alive for so long after its last byte: a slow disk may take a second for 16 MiB.
constexpr auto most_still = std::chrono::seconds(10);
// States that prove a join. Earlier ones do not: rc1 can still fail.
constexpr std::array<std::string_view, 2> joined_states{"quorum", "run"};

// The parent, watched as long as the broker runs, and once it has joined, our own drain of the time
// before taken back.
class Follower {
  public:
    Follower(const Plan& plan, const PodFacts& facts, ParentFound& parent, FluxRequests& requests,
             Clock& clock)
        : plan_(plan),
          facts_(facts),
          parent_(parent),
          requests_(requests),
          clock_(clock),
          resolver_(follow_resolv_conf(clock)) {}

    Task<std::string> parent_lost(ParentSeen& seen) {
        // Only the name was asked for, so that nobody knows where the broker connects to.
        if (!parent_.answered) {
            co_await sleep_for_ever();
        }
        Route route{.host = plan_.gate->host,
                    .port = plan_.gate->port,
                    .addresses = {},
                    .answered = parent_.answered};
        ParentWatch watch(std::move(route), seen, *resolver_, facts_.hosts_file, clock_,
                          ::randombytes_random(), [this] { return requests_.nudge_parent(); });
        auto first = co_await (watch.lost() || after_the_join(seen));
        co_return std::get<0>(first);
    }

    // Before its broker is gone: what still listens at its address is known by that.
    Task<void> parent_shut_down() {
        if (!parent_.answered) co_return;
        parent_.former.emplace(*parent_.answered, parent_.addresses);
        co_await parent_.former->hold(clock_);
    }

  private:
    Task<void> after_the_join(ParentSeen& seen) {
        co_await join();
        seen = {.connected = true, .joined = true};
        co_await requests_.undrain_our_own(plan_.identity.rank);
        co_await sleep_for_ever();
    }

    // Ends when the broker says that it has joined. That the connection lasts shows it too, but
    // only after most of a second, in which a lead that dies again and again may be gone.
    Task<void> join() {
        Backoff pause({.first = std::chrono::milliseconds(100),
                       .most = std::chrono::seconds(2),
                       .steady = 30},
                      ::randombytes_random());
        while (true) {
            co_await clock_.sleep_until(clock_.now() + pause.next());
            const auto state = co_await ask_broker_state(plan_.layout.local_socket, clock_,
                                                         clock_.now() + answer_within);
            if (state && std::ranges::find(joined_states, *state) != joined_states.end()) co_return;
        }
    }

    const Plan& plan_;
    const PodFacts& facts_;
    ParentFound& parent_;
    FluxRequests& requests_;
    Clock& clock_;
    std::unique_ptr<Resolver> resolver_;
};

Error end_of_broker(const Ending& ending) {
    return {.code = ExitCode::cannot_run,  // not what we end with: that is the ending's
            .doing = "shut down cleanly",
            .cause = ending.why,
            .hint = "the broker's own messages are above"};
}

// The second signal that ends a pod, or the first two if there was none. Others are taken and
// ignored: the broker is gone.
Task<void> told_again(bool told) {
    SignalStream signals(co_await asio::this_coro::executor);
    while (true) {
        const int number = (co_await signals.next()).si_signo;
        if (number != SIGTERM && number != SIGINT && number != SIGQUIT) continue;
        if (std::exchange(told, true)) co_return;
    }
}

}  // namespace

Stage<int> run_supervised(const Program& broker, const Plan& plan, const PodFacts& facts,
                          const Settings& settings, BootReport& report, const PassGates& gates,
                          ParentFound& parent) {
    (void)block_all_signals();
    const std::uint32_t rank = plan.identity.rank;
    SteadyClock clock;
    asio::io_context context(1);
    Reaper reaper(context.get_executor());
    FluxRequests requests(plan.layout.local_socket, clock);
    Follower follower(plan, facts, parent, requests, clock);

    Supervised what;
    what.broker = broker;
    what.report_exec_failure = [&](const Error& error) { (void)report_error(error, settings); };
    what.is_lead = plan.identity.is_lead();
    what.has_program = what.is_lead && !settings.command.empty();
    what.when_parent_leaves = settings.when_parent_leaves;
    what.grace = settings.grace.value_or(default_grace);
    what.seed = ::randombytes_random();
    what.approach = gates;
    what.launched = [&] {
        report.begin("launch");
        report.end();
    };
    what.parent_lost = [&](ParentSeen& seen) { return follower.parent_lost(seen); };
    what.parent_shut_down = [&] { return follower.parent_shut_down(); };
    bool is_up = false;  // so that there is something to save
    what.before_the_end = [&](TimePoint limit) -> Task<void> {
        report.begin(stage::leaving);
        if (!plan.identity.is_lead()) {
            co_await requests.drain_and_wait(rank, limit);
        } else if (!plan.archive.empty()) {
            is_up = co_await requests.wait_and_cut(limit);
        }
    };
    what.program_began = [&](TimePoint limit) { return requests.has_run(limit); };
    if (plan.identity.is_lead() && !plan.archive.empty()) {
        what.may_be_dumping = [&] { return requests.may_be_dumping(); };
        what.save_early = [&](TimePoint kill_at) -> Task<void> {
            if (!is_up) co_return;
            const TimePoint begun = clock.now();
            const bool whole = co_await dump_early(plan, broker, reaper, clock);
            const Duration took = clock.now() - begun;
            // Another one, as Flux makes it at its end, would not be ready in time.
            if (whole && clock.now() + 2 * took > kill_at) {
                co_await requests.leave_out_dump(kill_at);
            }
        };
    }

    Movement of_save{.bytes = 0, .since = TimePoint::max()};
    auto stalled = [&]() -> std::string {
        const bool moves = of_save.since > clock.now() - most_still;
        return moves ? "" : "the save of the archive makes no progress";
    };
    auto to_the_end = [&]() -> Task<Result<Ending>> {
        auto ending = co_await supervise(reaper, std::move(what), clock);
        if (!ending) co_return ending;
        auto save = save_state(plan, ending->exit_code, report, of_save, clock);
        auto saved = co_await (std::move(save) || told_again(ending->told));
        if (saved.index() == 1) {
            if (ending->exit_code == 0) ending->exit_code = exit_for_signal(SIGKILL);
            ending->why = "a second signal came before the archive was saved; " + plan.archive +
                          " is as it was";
            co_return ending;
        }
        if (auto& exit_code = std::get<0>(saved); !exit_code) co_return fail(exit_code.error());
        co_return ending;
    };
    auto report_what_came_back = [&, any = look_for_earlier_store(plan)]() -> Task<void> {
        if (any) {
            co_await requests.report_jobs();
        }
        co_await sleep_for_ever();
    };
    auto while_probed = [&]() -> Task<Result<Ending>> {
        auto first = co_await (to_the_end() || report_what_came_back() ||
                               serve_heartbeat(plan.layout.pulse_socket, stalled));
        co_return std::move(std::get<0>(first));
    };
    auto ending = run_task(context, while_probed());
    if (!ending) return fail(ending.error());
    if (ending->exit_code != 0) {
        report.begin("end");
        report.fail(end_of_broker(*ending));
        (void)report_error(end_of_broker(*ending), settings);
    }
    return ending->exit_code;
}

}  // namespace fluxpod
