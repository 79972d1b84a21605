// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/supervisor.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>
#include <variant>

#include "broker_end.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/process/child_status.hpp"
#include "fluxpod/process/main_child.hpp"
#include "fluxpod/process/processes.hpp"
#include "fluxpod/process/signals.hpp"
#include "fluxpod/supervise/rejoin_budget.hpp"

namespace fluxpod {

namespace {

// The processes that a broker left, above all jobs of a lost cluster, have this long after SIGTERM.
constexpr auto term_to_kill = std::chrono::seconds(1);
// A process that was killed has this long even when the grace period has gone.
constexpr auto to_be_reaped = std::chrono::milliseconds(200);

// The part of the grace period in which nothing is waited for any more.
Duration reserve_of(Duration grace) {
    return std::min<Duration>(std::chrono::seconds(3), grace / 5);
}
// The part of it that even a dump does not get.
Duration last_reserve_of(Duration grace) {
    return std::min<Duration>(std::chrono::seconds(1), grace / 10);
}

class Supervisor {
  public:
    Supervisor(const asio::any_io_executor& executor, Reaper& reaper, Supervised& what,
               Clock& clock)
        : reaper_(reaper),
          what_(what),
          clock_(clock),
          signals_(executor),
          main_(false),
          budget_(what.seed) {}

    Task<Result<Ending>> run();
    [[nodiscard]] bool is_told() const { return told_.has_value(); }

  private:
    [[nodiscard]] Task<Result<int>> approach();
    [[nodiscard]] Result<Child> start();
    [[nodiscard]] Task<BrokerEnd> accompany(Child broker);
    [[nodiscard]] Task<void> leave(Child broker, BrokerEnd& end);
    [[nodiscard]] Task<void> clear_away();

    [[nodiscard]] Task<int> told_to_end();
    [[nodiscard]] Task<bool> ends_by(Child child, TimePoint when);
    [[nodiscard]] Task<bool> may_be_dumping();
    [[nodiscard]] TimePoint at_most(Duration from_now) const;

    Reaper& reaper_;
    Supervised& what_;
    Clock& clock_;
    SignalStream signals_;
    MainChild main_;
    RejoinBudget budget_;
    bool ever_connected_ = false;
    std::optional<int> told_;  // the signal that ends it all
    TimePoint grace_end_ = TimePoint::max();
};

Task<Result<Ending>> Supervisor::run() {
    while (true) {
        auto approached = co_await approach();
        if (told_) {
            co_return Ending{.exit_code = exit_for_signal(*told_),
                             .why = signal_name(*told_) + " came before the launch"};
        }
        if (!approached) co_return fail(approached.error());

        auto broker = start();
        if (!broker) co_return fail(broker.error());
        what_.launched();
        const BrokerEnd end = co_await accompany(*broker);
        if (!told_ && waits_for_another_life(what_, end)) {
            co_await (what_.parent_shut_down() || told_to_end());
        }
        main_.give_the_terminal_back();
        co_await clear_away();
        if (told_ || what_.is_lead) co_return ending_of(what_, end, told_);
        ever_connected_ = ever_connected_ || end.parent.connected;
        if (auto last = exit_decision(what_, end, ever_connected_)) co_return *last;

        const auto pause = budget_.next(clock_.now(), end.parent.joined);
        if (!pause) {
            const int code = end.exit_code == 0 ? to_int(ExitCode::network) : end.exit_code;
            co_return Ending{
                .exit_code = code,
                .why = why_again(what_, end) + "; the broker was started again too often"};
        }
        log::warning("{}; back to the gates", why_again(what_, end));
        const TimePoint next = clock_.now() + *pause;
        co_await (told_to_end() || reaper_.reap_for_ever() || clock_.sleep_until(next));
    }
}

// Skip the gates if a signal already asked us to end.
Task<Result<int>> Supervisor::approach() {
    if (told_) co_return 0;
    auto first = co_await (what_.approach() || told_to_end() || reaper_.reap_for_ever());
    if (auto* passed = std::get_if<0>(&first)) co_return std::move(*passed);
    co_return 0;
}

Result<Child> Supervisor::start() {
    const ChildEvents events{.stopped = [this](int number) { main_.stopped(number); },
                             .ended = [this] { main_.ended(); }};
    auto child = reaper_.start(what_.broker, main_.hooks(what_.report_exec_failure), events);
    if (child) main_.started(child->pid());
    return child;
}

Task<BrokerEnd> Supervisor::accompany(Child broker) {
    BrokerEnd end;
    auto lost = [&]() -> Task<std::string> {
        if (what_.is_lead) {
            co_await sleep_for_ever();
        }
        co_return co_await what_.parent_lost(end.parent);
    };
    // The answer of an interrupted watch does not count.
    auto first = co_await (reaper_.end_of(broker) || lost() || told_to_end());
    if (auto* how = std::get_if<1>(&first)) end.lost = std::move(*how);

    if (!broker.has_ended() && told_) {
        // A second signal ends the patience.
        co_await (leave(broker, end) || told_to_end());
        if (!broker.has_ended()) {
            end.killed = true;
            main_.signal_everybody(SIGKILL);
        }
    } else if (!broker.has_ended()) {
        // A follower's broker has nothing to save, and would begin its own end by asking a parent
        // that is not there. Jobs have their second in clear_away().
        broker.signal(SIGKILL);
    }
    if (!co_await ends_by(broker, at_most(after_kill))) end.killed = true;
    end.exit_code = broker.has_ended() ? exit_code_of(co_await reaper_.end_of(broker))
                                       : exit_for_signal(SIGKILL);
    co_return end;
}

// In order, and within the grace period.
Task<void> Supervisor::leave(Child broker, BrokerEnd& end) {
    const TimePoint now = clock_.now();
    const Duration patience = what_.grace - reserve_of(what_.grace);
    log::info("told to end by {}; {} for it", signal_name(*told_), describe_duration(patience));
    grace_end_ = now + what_.grace;
    const TimePoint kill_at = now + patience;
    const TimePoint limit = now + patience / 2;
    auto note_begin = [&]() -> Task<void> {
        if (!what_.has_program) co_return;
        end.program_began = co_await what_.program_began(limit);
    };
    co_await ((note_begin() && what_.before_the_end(limit)) || reaper_.end_of(broker) ||
              clock_.sleep_until(limit + patience / 10));
    if (what_.save_early && !broker.has_ended()) {
        co_await (what_.save_early(kill_at) || reaper_.end_of(broker) ||
                  clock_.sleep_until(kill_at));
    }
    if (broker.has_ended()) co_return;
    end.told = true;
    broker.signal(SIGTERM);
    broker.signal(SIGCONT);

    // At the second SIGTERM Flux abandons what hangs of its own clean-up, and comes to the dump,
    // which needs time as well.
    const Duration rest = kill_at - clock_.now();
    const TimePoint hurry_at = kill_at - (what_.may_be_dumping ? rest / 2 : rest / 4);
    if (co_await ends_by(broker, hurry_at)) co_return;
    end.hurried = !co_await may_be_dumping();
    if (end.hurried) broker.signal(SIGTERM);
    if (co_await ends_by(broker, kill_at) || !co_await may_be_dumping()) co_return;
    (void)co_await ends_by(broker, grace_end_ - last_reserve_of(what_.grace));
}

Task<bool> Supervisor::may_be_dumping() {
    if (!what_.may_be_dumping) co_return false;
    co_return co_await what_.may_be_dumping();
}

// Wait no longer than the grace period, once it has begun.
TimePoint Supervisor::at_most(Duration from_now) const {
    const TimePoint now = clock_.now();
    return std::min(now + from_now, std::max(grace_end_, now + to_be_reaped));
}

// End the jobs that the broker left, and its other processes. A kubectl-exec shell is not our
// descendant.
Task<void> Supervisor::clear_away() {
    main_.signal_descendants(SIGTERM);
    main_.signal_descendants(SIGCONT);
    co_await (reaper_.all_gone() || clock_.sleep_until(at_most(term_to_kill)) || told_to_end());
    main_.signal_descendants(SIGKILL);
    co_await (reaper_.all_gone() || clock_.sleep_until(at_most(after_kill)));
}

// Passes every other signal on meanwhile. SIGHUP ends what waits; a broker ends by it by itself.
Task<int> Supervisor::told_to_end() {
    while (true) {
        const siginfo_t signal = co_await signals_.next();
        const int number = signal.si_signo;
        // Flux would catch it and end: nohup(1) would have no effect.
        if (is_ignored(number)) continue;
        const bool ends = number == SIGTERM || number == SIGINT || number == SIGQUIT ||
                          (number == SIGHUP && !main_.is_running());
        if (ends) {
            told_ = told_.value_or(number);
            co_return number;
        }
        if (main_.is_running()) main_.forward(signal);
    }
}

Task<bool> Supervisor::ends_by(Child child, TimePoint when) {
    co_await (reaper_.end_of(child) || clock_.sleep_until(when));
    co_return child.has_ended();
}

}  // namespace

Task<Result<Ending>> supervise(Reaper& reaper, Supervised what, Clock& clock) {
    const auto executor = co_await asio::this_coro::executor;
    Supervisor supervisor(executor, reaper, what, clock);
    auto ending = co_await supervisor.run();
    if (ending) ending->told = supervisor.is_told();
    co_return ending;
}

}  // namespace fluxpod
