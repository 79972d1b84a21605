// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/flux_requests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <utility>

#include "fluxpod/base/backoff.hpp"
#include "fluxpod/base/json_object.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/idset.hpp"
#include "fluxpod/formats/job_eventlog.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

constexpr const char* drain_reason = "fluxpod: the pod is told to end";

// A broker answers within milliseconds if a core is free for it.
constexpr auto answer_within = std::chrono::seconds(1);
constexpr auto quick = std::chrono::seconds(5);
constexpr auto between_questions = std::chrono::milliseconds(200);

// How long a broker may take from its start to RUN before nobody looks any more.
constexpr auto boot_patience = std::chrono::minutes(10);

// Modules that do more than forward are asked on rank 0, as the flux command does.
constexpr std::uint32_t lead = 0;

// flux-core src/common/libjob/job.h
constexpr int job_state_run = 16;
constexpr std::uint32_t any_user = 0xFFFFFFFF;

bool is_past(std::string_view state, bool run_too) {
    constexpr std::array ends{"cleanup", "shutdown", "finalize", "goodbye", "exit"};
    return (run_too && state == "run") || std::ranges::find(ends, state) != ends.end();
}

// Empty if the payload is not an object.
json::object object_of(std::string_view payload) {
    return parse_object(payload).value_or(json::object());
}

}  // namespace

bool is_drained_by_us(std::string_view resource_status, std::uint32_t rank) {
    const auto status = object_of(resource_status);
    const auto* drains = object_in(status, "drain");
    if (drains == nullptr) return false;
    for (const auto& [ranks, drain] : *drains) {
        const auto idset = Idset::parse(std::string_view(ranks));
        if (!idset || !idset->contains(rank) || !drain.is_object()) continue;
        return text_in(drain.get_object(), "reason") == drain_reason;
    }
    return false;
}

FluxRequests::FluxRequests(std::string local_socket, Clock& clock)
    : local_socket_(std::move(local_socket)), clock_(clock) {}

Task<Answer<std::string>> FluxRequests::ask(std::string topic, std::string payload,
                                            TimePoint give_up) {
    FluxRequest request{.topic = std::move(topic), .payload = std::move(payload), .rank = lead};
    return ask_broker(local_socket_, std::move(request), clock_, give_up);
}

Task<bool> FluxRequests::has_run(TimePoint limit) {
    while (true) {
        const auto state = co_await ask_broker_state(local_socket_, clock_, limit);
        if (state) co_return is_past(*state, true);
        if (state.error().absent || clock_.now() >= limit) co_return false;
        co_await clock_.sleep_until(std::min(limit, clock_.now() + between_questions));
    }
}

Task<bool> FluxRequests::may_be_dumping() {
    const auto state =
        co_await ask_broker_state(local_socket_, clock_, clock_.now() + answer_within);
    co_return !state || (is_past(*state, false) && *state != "cleanup");
}

Task<Answer<std::size_t>> FluxRequests::jobs_on(std::uint32_t rank, TimePoint give_up) {
    const json::value question{
        {"max_entries", 0},
        {"attrs", json::array()},
        {"constraint",
         {{"and", json::array{{{"states", json::array{"running"}}},
                              {{"ranks", json::array{std::to_string(rank)}}}}}}}};
    const auto jobs = co_await ask("job-list.list", json::serialize(question), give_up);
    if (!jobs) co_return tl::unexpected(jobs.error());
    const auto answer = object_of(*jobs);
    const auto* list = array_in(answer, "jobs");
    if (list == nullptr) {
        co_return tl::unexpected<NoAnswer>(
            {.absent = false, .error_number = EPROTO, .cause = "the answer names no jobs"});
    }
    co_return list->size();
}

Task<void> FluxRequests::drain_and_wait(std::uint32_t rank, TimePoint limit) {
    const json::value drain{{"targets", std::to_string(rank)}, {"reason", drain_reason}};
    const auto drained = co_await ask("resource.drain", json::serialize(drain), limit);
    // The request may arrive nevertheless: the next start of this pod takes back what is ours.
    if (!drained) {
        log::warning("rank {} is not known to be drained and may be given jobs that are lost: {}",
                     rank, drained.error().cause);
    }

    Backoff pause({.first = between_questions, .most = std::chrono::seconds(2), .factor = 2}, rank);
    for (std::size_t before = 0;;) {
        const auto jobs = co_await jobs_on(rank, limit);
        if (!jobs) {
            log::warning("the jobs of rank {} are not known: {}", rank, jobs.error().cause);
            co_return;
        }
        if (*jobs == 0) co_return;
        if (before == 0) {
            log::info("waiting for {} {} of rank {}", *jobs, *jobs == 1 ? "job" : "jobs", rank);
        }
        before = *jobs;
        if (clock_.now() >= limit) {
            log::warning("{} {} of rank {} still run, and there is no more time for them", *jobs,
                         *jobs == 1 ? "job" : "jobs", rank);
            co_return;
        }
        co_await clock_.sleep_until(std::min(limit, clock_.now() + pause.next()));
    }
}

Task<void> FluxRequests::nudge_parent() {
    // On its way to rank 0 it goes through the parent.
    const auto answered = co_await ask("broker.ping", R"({"seq":0})", clock_.now() + quick);
    log::debug("the parent is asked for a sign: {}",
               answered ? "it answers" : answered.error().cause);
}

// Ends when the broker leaves RUN: its own clean-up then cancels what still runs.
Task<void> FluxRequests::left_run() {
    while (true) {
        co_await clock_.sleep_until(clock_.now() + between_questions);
        const auto state =
            co_await ask_broker_state(local_socket_, clock_, clock_.now() + answer_within);
        if (state && is_past(*state, false)) co_return;
    }
}

Task<bool> FluxRequests::wait_until_idle(TimePoint limit) {
    auto idle = [&]() -> Task<bool> {
        const auto answered = co_await ask("job-manager.idle", "", limit);
        if (answered) co_return true;
        co_await clock_.sleep_until(limit);
        co_return false;
    };
    auto first = co_await (idle() || left_run());
    co_return first.index() == 0 && std::get<0>(first);
}

Task<bool> FluxRequests::wait_and_cut(TimePoint limit) {
    // Earlier than the followers, who may have been told to end as well: once they leave, their
    // jobs are lost as those of a broken node.
    const TimePoint cut_at = clock_.now() + (limit - clock_.now()) * 2 / 3;
    // Do not save the stop: the next cluster's queue is open.
    const auto stopped = co_await ask("job-manager.queue-start",
                                      R"({"start":false,"all":true,"nocheckpoint":true})", cut_at);
    if (!stopped) {
        // Its job manager is not there yet, and so no job either.
        if (stopped.error().absent || stopped.error().error_number == ENOSYS) co_return false;
        log::warning("the queue is not known to be stopped: {}", stopped.error().cause);
    }
    if (co_await wait_until_idle(cut_at)) co_return true;
    co_await cut(limit);
    const TimePoint now = clock_.now();
    auto idle = ask("job-manager.idle", "", now + (limit - now) / 2);
    if (auto ended = co_await std::move(idle); !ended) {
        log::debug("jobs that were cut still end: {}", ended.error().cause);
    }
    co_return true;
}

Task<void> FluxRequests::cut(TimePoint limit) {
    const TimePoint now = clock_.now();
    // Jobs that depend on a job that is cut must neither fail nor begin because of that. The cut
    // itself is worth more, so this has the smaller part of the time.
    const auto held = co_await ask("job-manager.jobtap", R"({"remove":".dependency-after"})",
                                   now + (limit - now) / 3);
    if (!held) log::warning("dependencies are not known to be held: {}", held.error().cause);

    const json::value raise{{"dry_run", false}, {"userid", any_user}, {"states", job_state_run},
                            {"severity", 0},    {"type", "cancel"},   {"note", cut_note}};
    // A job whose resources were on their way when the queue was stopped may begin between two.
    constexpr int most_cuts = 3;
    for (int i = 0; i < most_cuts; ++i) {
        const auto gone = co_await ask("job-manager.raiseall", json::serialize(raise), limit);
        if (!gone) {
            log::warning("jobs that still run may be lost: {}", gone.error().cause);
            co_return;
        }
        const auto answer = object_of(*gone);
        const auto errors = number_in<std::int64_t>(answer, "errors").value_or(0);
        if (errors != 0) log::warning("{} jobs that still run could not be cut", errors);
        if (number_in<std::int64_t>(answer, "count").value_or(0) == 0) co_return;
    }
}

Task<void> FluxRequests::leave_out_dump(TimePoint limit) {
    const auto removed = co_await ask("attr.rm", R"({"name":"content.dump"})", limit);
    if (removed) {
        log::info("Flux's own dump is left out: there is no time for a second one");
    } else {
        log::debug("Flux will dump once more: {}", removed.error().cause);
    }
}

Task<void> FluxRequests::undrain_our_own(std::uint32_t rank) {
    Backoff pause({.first = std::chrono::seconds(1), .most = std::chrono::seconds(30), .factor = 2},
                  rank);
    const TimePoint give_up = clock_.now() + boot_patience;
    const std::string self = json::serialize(json::value{{"targets", std::to_string(rank)}});
    while (true) {
        co_await clock_.sleep_until(clock_.now() + pause.next());
        auto status = co_await ask("resource.status", "", clock_.now() + quick);
        if (status && !is_drained_by_us(*status, rank)) co_return;
        auto undrained = status;
        if (status) {
            undrained = co_await ask("resource.undrain", self, clock_.now() + quick);
        }
        if (undrained) {
            log::info("rank {} takes jobs again", rank);
            co_return;
        }
        if (clock_.now() >= give_up) {
            log::warning("rank {} may stay drained: {}; try flux resource undrain {}", rank,
                         undrained.error().cause, rank);
            co_return;
        }
    }
}

Task<void> FluxRequests::report_jobs() {
    const TimePoint give_up = clock_.now() + boot_patience;
    Backoff pause({.first = between_questions, .most = std::chrono::seconds(2), .factor = 2}, 0);
    while (clock_.now() < give_up) {
        co_await clock_.sleep_until(clock_.now() + pause.next());
        const auto state =
            co_await ask_broker_state(local_socket_, clock_, clock_.now() + answer_within);
        if (!state || *state != "run") continue;
        const auto stats = co_await ask("job-list.job-stats", "{}", clock_.now() + quick);
        if (!stats) continue;
        const auto answer = object_of(*stats);
        const auto* states = object_in(answer, "job_states");
        auto count = [&](std::string_view name) {
            return states == nullptr ? 0 : number_in<std::int64_t>(*states, name).value_or(0);
        };
        const auto total = count("total");
        const auto ended = count("inactive");
        log::info("jobs that came back: {}, of which {} have ended", total, ended);
        co_return;
    }
}

}  // namespace fluxpod
