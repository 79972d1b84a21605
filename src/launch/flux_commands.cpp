// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/flux_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "fluxpod/base/backoff.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/formats/idset.hpp"
#include "fluxpod/formats/job_eventlog.hpp"

namespace fluxpod {

namespace {

constexpr const char* drain_reason = "fluxpod: the pod is told to end";

// A subcommand in Python takes 0.3 s where there is a core for it.
constexpr auto quick = std::chrono::seconds(5);

// How long a broker may take from its start to RUN before nobody looks any more.
constexpr auto boot_patience = std::chrono::minutes(10);

std::string said(const Result<ChildOutcome>& outcome) {
    if (!outcome) return outcome.error().message();
    if (outcome->timed_out) return "it took too long";
    return fmt::format("status {}: {}", outcome->exit_code, excerpt(trim(outcome->errors), 200));
}

bool went_well(const Result<ChildOutcome>& outcome) {
    return outcome && !outcome->timed_out && outcome->exit_code == 0;
}

// Where the event is about the rank.
bool concerns(const boost::json::object& context, std::uint32_t rank) {
    const auto* ranks = context.if_contains("idset");
    if (ranks == nullptr || !ranks->is_string()) return false;
    auto idset = Idset::parse(std::string_view(ranks->get_string()));
    return idset && idset->contains(rank);
}

}  // namespace

bool is_drained_by_us(std::string_view eventlog, std::uint32_t rank) {
    bool ours = false;
    for (const auto& line : split(eventlog, '\n')) {
        boost::system::error_code malformed;
        const auto event = boost::json::parse(line, malformed);
        const auto* object = malformed ? nullptr : event.if_object();
        if (object == nullptr) continue;
        const auto* name = object->if_contains("name");
        const auto* context = object->if_contains("context");
        if (name == nullptr || context == nullptr || !context->is_object()) continue;
        if (!concerns(context->get_object(), rank)) continue;
        if (*name == "undrain") ours = false;
        if (*name != "drain") continue;
        const auto* reason = context->get_object().if_contains("reason");
        ours = reason != nullptr && *reason == drain_reason;
    }
    return ours;
}

FluxCommands::FluxCommands(Reaper& reaper, Clock& clock, Program flux, const std::string& local_uri)
    : reaper_(reaper), clock_(clock), program_(std::move(flux)) {
    program_.environment.set("FLUX_URI", local_uri);
}

Task<Result<ChildOutcome>> FluxCommands::flux(std::vector<std::string> words, Duration timeout) {
    ChildRequest request;
    request.program = program_;
    words.insert(words.begin(), "flux");
    request.program.argv = std::move(words);
    request.timeout = timeout;
    request.most_captured = std::size_t{4} << 20U;
    co_return co_await run_child(reaper_, std::move(request), clock_);
}

// "03:54:03 run 0.92s,  owner root,  depth 0,  size 1"
Task<bool> FluxCommands::has_run() {
    std::vector<std::string> words{"uptime"};
    const auto uptime = co_await flux(std::move(words), quick);
    if (!went_well(uptime)) co_return false;
    const auto state = split_words(uptime->output);
    constexpr std::array from_run_on{"run", "cleanup", "shutdown", "finalize", "goodbye", "exit"};
    co_return state.size() > 1 && std::ranges::find(from_run_on, state[1]) != from_run_on.end();
}

Task<void> FluxCommands::drain_and_wait(std::uint32_t rank, TimePoint limit) {
    const std::string self = std::to_string(rank);
    std::vector<std::string> drain{"resource", "drain", self, drain_reason};
    const auto drained =
        co_await flux(std::move(drain), std::min<Duration>(quick, limit - clock_.now()));
    if (!went_well(drained)) log::warning("rank {} is not drained: {}", rank, said(drained));

    std::vector<std::string> list{"jobs", "-no{id}", "--filter=running", "--include=" + self};
    const auto jobs =
        co_await flux(std::move(list), std::min<Duration>(quick, limit - clock_.now()));
    if (!went_well(jobs)) {
        log::warning("the jobs of rank {} are not known: {}", rank, said(jobs));
        co_return;
    }
    const auto ids = split(trim(jobs->output), '\n');
    if (ids.front().empty()) co_return;
    log::info("waiting for {} {} of rank {}", ids.size(), ids.size() == 1 ? "job" : "jobs", rank);
    for (const auto& id : ids) {
        std::vector<std::string> wait{"job", "wait-event", "-q", id, "clean"};
        const auto ended = co_await flux(std::move(wait), limit - clock_.now());
        if (clock_.now() >= limit) {
            log::warning("job {} still runs, and there is no more time for it", id);
            co_return;
        }
        if (!went_well(ended)) log::warning("job {} cannot be waited for: {}", id, said(ended));
    }
}

Task<void> FluxCommands::nudge_parent() {
    std::vector<std::string> words{"ping", "--count=1", "--rank=upstream", "broker"};
    const auto answered = co_await flux(std::move(words), quick);
    log::debug("the parent is asked for a sign: {}", said(answered));
}

Task<void> FluxCommands::wait_and_cut(TimePoint limit) {
    // Earlier than the followers, who may have been told to end as well: once they leave, their
    // jobs are lost as those of a broken node.
    const TimePoint cut_at = clock_.now() + (limit - clock_.now()) * 2 / 3;
    // Not to be remembered: the next cluster's queue is open.
    std::vector<std::string> stop{"queue", "stop", "--all", "--nocheckpoint", "--quiet"};
    const auto stopped = co_await flux(std::move(stop), quick);
    if (!went_well(stopped)) {
        log::warning("the queue is not stopped: {}", said(stopped));
        co_return;
    }
    std::vector<std::string> wait{"queue", "idle", "--quiet"};
    const auto idle =
        co_await flux(std::move(wait), std::max(Duration::zero(), cut_at - clock_.now()));
    if (went_well(idle)) co_return;

    // What depends on a job that is cut must neither fail nor begin because of that.
    std::vector<std::string> hold{"jobtap", "remove", ".dependency-after"};
    const auto held = co_await flux(std::move(hold), quick);
    if (!went_well(held)) log::warning("dependencies are not held: {}", said(held));
    std::vector<std::string> cut{"cancel", "--user=all", "--states=RUN", "--quiet", "-m", cut_note};
    const auto gone = co_await flux(std::move(cut), quick);
    if (!went_well(gone)) log::warning("jobs that still run are lost: {}", said(gone));
}

Task<void> FluxCommands::undrain_our_own(std::uint32_t rank) {
    Backoff pause({.first = std::chrono::seconds(1), .most = std::chrono::seconds(30), .factor = 2},
                  rank);
    const TimePoint give_up = clock_.now() + boot_patience;
    do {
        co_await clock_.sleep_until(clock_.now() + pause.next());
        if (clock_.now() >= give_up) co_return;
    } while (!co_await has_run());

    std::vector<std::string> look{"kvs", "eventlog", "get", "-u", "resource.eventlog"};
    const auto eventlog = co_await flux(std::move(look), quick);
    if (!went_well(eventlog) || !is_drained_by_us(eventlog->output, rank)) co_return;
    std::vector<std::string> words{"resource", "undrain", std::to_string(rank)};
    const auto undrained = co_await flux(std::move(words), quick);
    if (went_well(undrained)) {
        log::info("rank {} takes jobs again", rank);
    } else {
        log::warning("rank {} stays drained: {}", rank, said(undrained));
    }
}

}  // namespace fluxpod
