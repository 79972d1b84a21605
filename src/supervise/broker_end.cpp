// SPDX-License-Identifier: Apache-2.0
#include "broker_end.hpp"

#include <fmt/format.h>

#include <csignal>

#include "fluxpod/base/log.hpp"
#include "fluxpod/process/child_status.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

namespace {

// Neither the parent was lost nor did the broker fail.
bool is_in_order(const BrokerEnd& end) { return end.lost.empty() && end.exit_code == 0; }

}  // namespace

bool waits_for_another_life(const Supervised& what, const BrokerEnd& end) {
    return is_in_order(end) && !what.is_lead && what.when_parent_leaves == WhenParentLeaves::rejoin;
}

Ending ending_of(const Supervised& what, const BrokerEnd& end, const std::optional<int>& told) {
    const std::string status = fmt::format("the broker ended with status {}", end.exit_code);
    // A signal that came when a lead's program had ended changes nothing.
    const bool by_itself = what.is_lead && !end.told && !end.killed;
    if (!told || by_itself) {
        return {.exit_code = end.exit_code, .why = end.exit_code == 0 ? "" : status};
    }
    const std::string by_signal = "told to end by " + signal_name(*told);
    if (end.killed) {
        return {.exit_code = exit_for_signal(SIGKILL),
                .why = by_signal + ", and killed since it took too long"};
    }
    const bool began = what.has_program && end.program_began;
    if (end.exit_code == 0 && (began || !what.has_program)) return {};
    if (end.hurried && what.may_be_dumping && !what.has_program) {
        log::warning("Flux's clean-up was cut short: {}", status);
        return {};
    }
    if (began) return {.exit_code = end.exit_code, .why = by_signal + ", " + status};
    // The status of a broker that was stopped before it was up, or without a parent, means nothing:
    // report the signal.
    return {.exit_code = exit_for_signal(*told),
            .why = by_signal + (what.has_program ? " before the program began" : ", " + status)};
}

std::string why_again(const Supervised& what, const BrokerEnd& end) {
    if (!end.lost.empty()) return "the parent is lost: " + end.lost;
    if (end.exit_code == 0) return "the parent shut down in order";
    return ending_of(what, end, std::nullopt).why;
}

std::optional<Ending> exit_decision(const Supervised& what, const BrokerEnd& end,
                                    bool ever_connected) {
    using When = WhenParentLeaves;
    const bool in_order = is_in_order(end);
    if (in_order && what.when_parent_leaves != When::rejoin) return Ending{};
    // No broker ever connected and this one exited by itself: a restart would fail alike.
    if (!in_order && end.lost.empty() && !ever_connected) return ending_of(what, end, std::nullopt);
    if (what.when_parent_leaves == When::complete) return Ending{};
    if (what.when_parent_leaves == When::fail) {
        return Ending{.exit_code = to_int(ExitCode::network), .why = why_again(what, end)};
    }
    return std::nullopt;
}

}  // namespace fluxpod
