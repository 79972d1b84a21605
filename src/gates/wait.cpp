// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/wait.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/own_fault.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/duration.hpp"

namespace fluxpod {

namespace {

constexpr Duration repeat_known_answer = std::chrono::seconds(10);
constexpr std::size_t max_answers_kept = 64;

// Logs each change of the answer, but not each turn of one that comes and goes.
class AnswerLog {
  public:
    explicit AnswerLog(const std::string& doing) : doing_(doing) {}

    void add(const Gate& gate, const StageSummary& stage, TimePoint now) {
        const std::string answer =
            fmt::format("{} {}: {}", gate.name(), gate.subject(), stage.last_answer);
        log::debug("{}: {}", doing_, answer);
        if (answer == last_) return;
        const bool known = logged_.contains(answer) || logged_.size() >= max_answers_kept;
        if (known && now - last_at_ < repeat_known_answer) return;
        log::write(stage.own_fault != 0 ? LogLevel::warning : LogLevel::info,
                   fmt::format("{}: {}", doing_, answer));
        if (!known) logged_.insert(answer);
        last_ = answer;
        last_at_ = now;
    }

  private:
    const std::string& doing_;
    std::string last_;
    TimePoint last_at_{};
    std::set<std::string> logged_;
};

std::string last_answers(const std::vector<StageSummary>& stages) {
    if (stages.size() == 1) return stages.front().last_answer;
    std::vector<std::string> answers;
    for (const auto& stage : stages) {
        const std::string shut = stage.tries == 0 ? "not tried yet" : stage.last_answer;
        answers.push_back(stage.gate + ": " + (stage.open ? "open" : shut));
    }
    return join(answers, "; ");
}

Error shut_error(const std::string& doing, const Gate& gate, const StageSummary& stage,
                 const WaitSummary& summary) {
    const bool ours = stage.own_fault != 0;
    return {.code = ours ? ExitCode::cannot_run : gate.exit_code(),
            .doing = doing,
            .subject = gate.subject(),
            .cause = last_answers(summary.stages),
            .tried = fmt::format("{} {} in {}", stage.tries, stage.tries == 1 ? "try" : "tries",
                                 describe_duration(summary.elapsed)),
            .hint = ours ? own_fault_advice(stage.own_fault) : gate.advice()};
}

}  // namespace

Task<Result<WaitSummary>> wait_for_gates(std::string doing, std::vector<Gate*> gates,
                                         WaitPolicy policy, Clock& clock) {
    const TimePoint start = clock.now();
    const TimePoint deadline = start + policy.timeout;
    AnswerLog answers(doing);
    WaitSummary summary;
    std::vector<Backoff> backoffs;
    for (const Gate* gate : gates) {
        backoffs.emplace_back(gate->pace().value_or(policy.backoff), policy.seed + backoffs.size());
        summary.stages.push_back({.gate = gate->name(), .last_answer = {}});
    }

    std::size_t place = 0;
    while (place < gates.size()) {
        Gate& gate = *gates[place];
        StageSummary& stage = summary.stages[place];
        const TimePoint tried = clock.now();
        const Attempt attempt = co_await gate.attempt(deadline);
        const TimePoint now = clock.now();
        summary.elapsed = now - start;
        ++stage.tries;

        if (attempt.answer == Attempt::Answer::open) {
            if (!stage.open) stage.opened_after = summary.elapsed;
            stage.open = true;
            backoffs[place].reset();
            ++place;
            continue;
        }

        stage.open = false;
        stage.own_fault = attempt.own_fault;
        stage.last_answer =
            attempt.own_fault != 0 ? "this pod could not try: " + attempt.why : attempt.why;
        answers.add(gate, stage, now);
        if (attempt.answer == Attempt::Answer::never) {
            co_return fail(shut_error(doing, gate, stage, summary));
        }
        TimePoint next = std::max(now, tried + backoffs[place].next());
        if (attempt.not_before) next = std::max(next, *attempt.not_before);
        co_await clock.sleep_until(std::min(next, deadline));
        if (clock.now() >= deadline) {
            summary.elapsed = clock.now() - start;
            co_return fail(shut_error(doing, gate, stage, summary));
        }
        place = 0;
    }
    co_return summary;
}

}  // namespace fluxpod
