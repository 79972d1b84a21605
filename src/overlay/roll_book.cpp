// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fluxpod/base/log.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_named = 8;

}  // namespace

RollBook::RollBook(const Plan& plan, TimePoint start)
    : hosts_(plan.identity.hosts), tree_(plan.tree), start_(start) {
    for (std::uint32_t rank = 0; rank < plan.identity.size; ++rank) {
        RollCallRow row;
        row.rank = rank;
        row.hostname = hosts_.at(rank);
        rows_.push_back(std::move(row));
    }
    rows_.front().joined = true;
    joined_ = 1;
}

void RollBook::enter(const Presence& presence, TimePoint now) {
    if (presence.rank == 0 || presence.rank >= hosts_.size()) {
        if (!strangers_) {
            log::warning("roll call: {} says that it is rank {} of {}", presence.hostname,
                         presence.rank, hosts_.size());
        }
        strangers_ = true;
        return;
    }
    if (presence.refused > 0) note_refusal(presence.rank);
    if (presence.rank >= rows_.size()) return;  // registered, and not expected to come now
    RollCallRow& row = rows_[presence.rank];
    if (row.joined) return;
    row.missing = misfit(presence);
    if (!row.missing.empty()) return;
    row.joined = true;
    row.after = now - start_;
    row.waited = presence.waited;
    ++joined_;
}

RollCall RollBook::close() const {
    RollCall call;
    call.complete = full();
    call.joined = joined_;
    call.size = static_cast<std::uint32_t>(rows_.size());
    call.rows = rows_;
    const bool misfits =
        std::ranges::any_of(rows_, [](const RollCallRow& row) { return !row.missing.empty(); });
    call.refused_keys = !full() && !refusing_.empty() && !misfits && !strangers_;
    std::size_t named = 0;
    for (RollCallRow& row : call.rows) {
        if (row.joined) continue;
        if (row.missing.empty()) row.missing = explain(row.rank);
        if (++named > max_named) continue;
        call.lacking += fmt::format("{}{} (rank {}): {}", named > 1 ? "; " : "", row.hostname,
                                    row.rank, row.missing);
    }
    if (named > max_named) call.lacking += fmt::format("; and {} more", named - max_named);
    return call;
}

std::string RollBook::misfit(const Presence& presence) const {
    if (presence.hostname != rows_[presence.rank].hostname) {
        return presence.hostname + " came as this rank";
    }
    const auto parent = tree_.parent_of(presence.rank);
    if (parent && presence.parent != *parent) {
        return fmt::format(
            "it takes rank {} for its parent and the lead rank {}: their topologies differ",
            presence.parent, *parent);
    }
    return {};
}

std::string RollBook::explain(std::uint32_t rank) const {
    const auto parent = tree_.parent_of(rank).value_or(0);
    if (parent >= rows_.size()) {
        return fmt::format("its parent, rank {}, is not among the {} expected", parent,
                           rows_.size());
    }
    if (!rows_[parent].joined) return fmt::format("its parent, rank {}, is missing", parent);
    if (refusing_.contains(parent)) {
        return fmt::format(
            "not heard of; rank {} turned away a connection with another certificate", parent);
    }
    return "not heard of";
}

}  // namespace fluxpod
