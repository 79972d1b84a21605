// SPDX-License-Identifier: Apache-2.0
// fluxpod probe: answers Kubernetes' exec probes from the boot's state file, the supervisor's pulse
// and the broker's socket. Quick, bounded, and without a word in the termination message: a "no"
// is an answer and no error.
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/report/state_file.hpp"
#include "fluxpod/supervise/broker_socket.hpp"
#include "fluxpod/supervise/parent_link.hpp"
#include "fluxpod/supervise/pulse.hpp"

namespace fluxpod {

namespace {

struct ProbeAnswer {
    bool yes = false;
    std::string why;
};

// What a probe has to go by.
struct Question {
    BootState state;
    Layout layout;
    Duration patience{};
};

bool is_launched(const BootState& state) { return state.stage == stage::launch; }

std::string describe(const BootState& state) {
    if (state.stage == stage::failed) return "the boot failed: " + state.reason;
    return fmt::format("the boot is at {}", in_quotes(state.stage));
}

Task<ProbeAnswer> startup(const Question& question) {
    const BootState& state = question.state;
    if (state.launches == 0) co_return ProbeAnswer{.yes = false, .why = describe(state)};
    co_return ProbeAnswer{.yes = true, .why = "the broker was launched"};
}

// A follower has joined as soon as it is past "join"; the lead is ready when its quorum is there.
bool is_ready(const BootState& state, const std::string& broker_state) {
    if (broker_state == "run") return true;
    return state.rank > 0 && (broker_state == "init" || broker_state == "quorum");
}

std::optional<asio::ip::tcp::endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    boost::system::error_code malformed;
    const auto address = asio::ip::make_address(host, malformed);
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (malformed || !port) return std::nullopt;
    return asio::ip::tcp::endpoint(address, *port);
}

// A follower's connection to its parent. Flux does not notice one whose parent was killed, and goes
// on in state "run". Unknown where it has no parent, or the kernel does not tell.
LinkState link_to_parent(const BootState& state) {
    const auto parent = parse_endpoint(state.parent);
    return parent ? look_at_link(*parent).state : LinkState::unknown;
}

Task<ProbeAnswer> readiness(const Question& question) {
    if (!is_launched(question.state)) {
        co_return ProbeAnswer{.yes = false, .why = describe(question.state)};
    }
    SteadyClock clock;
    auto broker = co_await ask_broker_state(question.layout.local_socket, clock,
                                            clock.now() + question.patience);
    if (!broker) co_return ProbeAnswer{.yes = false, .why = broker.error().cause};
    const std::string why = fmt::format("the broker is in state {}", in_quotes(*broker));
    const LinkState link = link_to_parent(question.state);
    if (link == LinkState::absent || link == LinkState::stalled) {
        co_return ProbeAnswer{.yes = false,
                              .why = fmt::format("{}, but {} its parent {}", why,
                                                 link == LinkState::absent ? "not connected to"
                                                                           : "gets no answer from",
                                                 question.state.parent)};
    }
    co_return ProbeAnswer{.yes = is_ready(question.state, *broker), .why = why};
}

// The answer for a follower that became its broker: no process stays that would join again, so that
// only a restart of the container helps. A parent that is merely silent may come back.
bool is_lost(const BootState& state, const std::string& broker_state) {
    const bool joined = broker_state == "quorum" || broker_state == "run";
    return !state.supervised && joined && link_to_parent(state) == LinkState::absent;
}

// Only what hangs is dead: what has ended, PID 1 notices by itself, and a broker that does not
// listen yet is starting.
Task<ProbeAnswer> liveness(const Question& question) {
    SteadyClock clock;
    const TimePoint give_up = clock.now() + question.patience;
    if (question.state.supervised) {
        auto pulse = co_await check_heartbeat(question.layout.pulse_socket, clock, give_up);
        // Before its first launch, the lead reads its archive through and does not listen yet.
        const bool starting = !pulse && pulse.error().absent && question.state.launches == 0;
        if (starting) co_return ProbeAnswer{.yes = true, .why = describe(question.state)};
        if (!pulse) co_return ProbeAnswer{.yes = false, .why = pulse.error().cause};
    }
    if (!is_launched(question.state)) {
        co_return ProbeAnswer{.yes = true, .why = describe(question.state)};
    }
    auto broker = co_await ask_broker_state(question.layout.local_socket, clock, give_up);
    if (broker && is_lost(question.state, *broker)) {
        co_return ProbeAnswer{.yes = false,
                              .why = "without --supervise nobody joins again, and the parent " +
                                     question.state.parent + " is gone"};
    }
    if (broker) {
        co_return ProbeAnswer{.yes = true,
                              .why = fmt::format("the broker is in state {}", in_quotes(*broker))};
    }
    co_return ProbeAnswer{.yes = broker.error().absent, .why = broker.error().cause};
}

struct ProbeRow {
    std::string_view name;
    Task<ProbeAnswer> (*ask)(const Question&);
};
constexpr std::array probes{ProbeRow{"startup", startup}, ProbeRow{"readiness", readiness},
                            ProbeRow{"liveness", liveness}};

Result<ProbeRow> choose_probe(const std::vector<std::string>& operands) {
    const std::string word = operands.size() == 1 ? operands.front() : join(operands, " ");
    for (const auto& probe : probes) {
        if (probe.name == word) return probe;
    }
    return fail({.code = ExitCode::usage,
                 .doing = "probe",
                 .subject = word.empty() ? word : in_quotes(word),
                 .cause = word.empty() ? "missing PROBE" : "there is no such probe",
                 .hint = "name one of startup, readiness, liveness"});
}

OrCause<BootState> read_state(const std::string& path) {
    constexpr std::size_t most = 1U << 16U;
    auto text = read_file(path, most);
    if (!text) {
        return tl::unexpected(
            fmt::format("no boot has written {} yet: {}", path, text.error().cause));
    }
    auto state = parse_state(*text);
    if (!state) return tl::unexpected(fmt::format("cannot use {}: {}", path, state.error()));
    return state;
}

Result<int> answer(const ProbeRow& probe, const ProbeAnswer& verdict) {
    auto printed =
        print(fmt::format("{}: {}, {}\n", probe.name, verdict.yes ? "yes" : "no", verdict.why));
    if (!printed || *printed != 0) return printed;
    return to_int(verdict.yes ? ExitCode::ok : ExitCode::answer_no);
}

}  // namespace

Result<int> probe_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    auto probe = choose_probe(settings->operands);
    if (!probe) return fail(probe.error());

    const Layout layout = Layout::below(settings->root);
    auto state = read_state(layout.state);
    if (!state) return answer(*probe, {.yes = false, .why = state.error()});
    const Question question{.state = *state, .layout = layout, .patience = settings->answer_within};
    asio::io_context context(1);
    return answer(*probe, run_task(context, probe->ask(question)));
}

}  // namespace fluxpod
