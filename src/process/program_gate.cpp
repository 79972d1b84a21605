// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/program_gate.hpp"

#include <utility>

#include "fluxpod/process/exec.hpp"

namespace fluxpod {

namespace {

class ProgramGate final : public Gate {
  public:
    ProgramGate(std::string argv0, const Environment& environment)
        : argv0_(std::move(argv0)), environment_(environment) {}

    [[nodiscard]] std::string name() const override { return "program"; }
    [[nodiscard]] std::string subject() const override { return argv0_; }
    [[nodiscard]] ExitCode exit_code() const override { return code_; }
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        return BackoffPolicy{.first = std::chrono::milliseconds(20),
                             .most = std::chrono::milliseconds(200)};
    }

    Task<Attempt> attempt(TimePoint /*give_up*/) override {
        const auto program = find_program(argv0_, environment_);
        if (program) {
            co_return Attempt{.answer = Attempt::Answer::open, .why = "exists", .not_before = {}};
        }
        code_ = program.error().code;
        co_return Attempt{.answer = code_ == ExitCode::not_found ? Attempt::Answer::not_yet
                                                                 : Attempt::Answer::never,
                          .why = program.error().cause,
                          .not_before = {}};
    }

    [[nodiscard]] std::string advice() const override {
        return "see whether whatever brings it is running and writes to the same volume";
    }

  private:
    std::string argv0_;
    const Environment& environment_;
    ExitCode code_ = ExitCode::not_found;
};

}  // namespace

std::unique_ptr<Gate> make_program_gate(std::string argv0, const Environment& environment) {
    return std::make_unique<ProgramGate>(std::move(argv0), environment);
}

}  // namespace fluxpod
