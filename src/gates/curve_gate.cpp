// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/curve_gate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "fluxpod/overlay/handshake.hpp"

namespace fluxpod {

namespace {

using Handshake = HandshakeOutcome::Kind;

constexpr int sightings_of_a_final_verdict = 3;
constexpr Duration between_sightings = std::chrono::milliseconds(100);

bool is_final(Handshake verdict) {
    return verdict == Handshake::wrong_key || verdict == Handshake::not_curve;
}

class CurveGate final : public Gate {
  public:
    CurveGate(Route& route, const CurveCert& cert, Clock& clock, Duration timeout)
        : route_(route), cert_(cert), clock_(clock), timeout_(timeout) {}

    [[nodiscard]] std::string name() const override { return "CURVE"; }

    [[nodiscard]] std::string subject() const override {
        std::string subject = fmt::format("{}:{}", route_.host, route_.port);
        if (route_.answered && route_.answered->address().to_string() != route_.host) {
            subject += " at " + route_.answered->address().to_string();
        }
        return subject;
    }

    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::curve; }

    [[nodiscard]] Task<Attempt> attempt(TimePoint give_up) override {
        if (!route_.answered) {
            co_return Attempt{.why = "no address has answered", .not_before = {}};
        }
        const TimePoint until = std::min(give_up, clock_.now() + timeout_);
        for (int sighting = 1;; ++sighting) {
            auto outcome = co_await curve_handshake(*route_.answered, cert_, clock_, until);
            last_ = outcome.kind;
            if (outcome.kind == Handshake::accepted) {
                co_return Attempt{.answer = Attempt::Answer::open, .why = "", .not_before = {}};
            }
            if (!is_final(outcome.kind)) {
                co_return Attempt{
                    .why = outcome.detail, .own_fault = outcome.own_fault, .not_before = {}};
            }
            if (sighting == sightings_of_a_final_verdict) {
                co_return Attempt{
                    .answer = Attempt::Answer::never, .why = outcome.detail, .not_before = {}};
            }
            const TimePoint again = clock_.now() + between_sightings;
            if (again >= until) {
                co_return Attempt{.why = outcome.detail, .not_before = {}};
            }
            co_await clock_.sleep_until(again);
        }
    }

    [[nodiscard]] std::string advice() const override {
        switch (last_) {
            case Handshake::wrong_key:
                return "give every pod the same certificate (--curve-cert or --curve-secret), "
                       "restart those that still hold an old one, and see whether the address "
                       "belongs to another cluster; this pod's public key is " +
                       cert_.public_key();
            case Handshake::not_curve:
                return "see what listens at this port: it is not a Flux broker with CURVE";
            case Handshake::silent:
                return "see whether the parent's broker runs: its port is open, but it does not "
                       "answer";
            default: return "see the parent's log: its broker takes connections and ends them";
        }
    }

  private:
    Route& route_;
    const CurveCert& cert_;
    Clock& clock_;
    Duration timeout_;
    Handshake last_ = Handshake::closed;
};

}  // namespace

std::unique_ptr<Gate> make_curve_gate(Route& route, const CurveCert& cert, Clock& clock,
                                      Duration timeout) {
    return std::make_unique<CurveGate>(route, cert, clock, timeout);
}

}  // namespace fluxpod
