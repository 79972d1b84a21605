// SPDX-License-Identifier: Apache-2.0
// The lead's book during a roll call: who has come, and the best known reason for each who has
// not. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "fluxpod/base/time.hpp"
#include "fluxpod/overlay/roll_call_message.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/plan/tree.hpp"

namespace fluxpod {

struct RollCallRow {
    std::uint32_t rank = 0;
    std::string hostname;
    bool joined = false;
    Duration after{};   // from the lead's start to this rank's word
    Duration waited{};  // what the rank itself waited for its parent
    std::string
        missing;  // why not, as far as is known: "not heard of", "its parent, rank 1, is missing"
};

struct RollCall {
    bool complete = false;  // the lead's verdict, the same on all ranks that it reaches
    std::uint32_t joined = 0;
    std::uint32_t size = 0;
    std::string lacking;        // who is missing and why, at most a few of them; empty if complete
    bool refused_keys = false;  // connections with another certificate were turned away, and there
                                // was no other trouble
    std::vector<RollCallRow> rows;  // the lead: all ranks 0..size-1; a follower: none
};

class RollBook {
  public:
    // The lead itself is present from the start. `plan` must outlive the book.
    RollBook(const Plan& plan, TimePoint start);

    // The first word of a rank counts, later ones are repetitions. One whose rank, name or parent
    // does not fit the Plan is noted and not counted; a right one may still follow it.
    void enter(const Presence& presence, TimePoint now);
    // A connection with another certificate was turned away by this rank.
    void note_refusal(std::uint32_t rank) { refusing_.insert(rank); }

    [[nodiscard]] bool full() const { return joined_ == rows_.size(); }
    [[nodiscard]] RollCall close() const;

  private:
    [[nodiscard]] std::string misfit(const Presence& presence) const;
    [[nodiscard]] std::string explain(std::uint32_t rank) const;

    const Hostlist& hosts_;
    Tree tree_;
    TimePoint start_;
    std::vector<RollCallRow> rows_;
    std::set<std::uint32_t> refusing_;
    std::uint32_t joined_ = 0;
    bool strangers_ = false;
};

}  // namespace fluxpod
