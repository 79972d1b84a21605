// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/program_gate.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "temp_dir.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;

namespace {

Attempt try_once(Gate& gate) {
    asio::io_context context;
    return run_task(context, gate.attempt(TimePoint::max()));
}

}  // namespace

TEST_CASE("a program that comes later: not yet, then open") {
    const TempDir dir;
    const Environment environment;
    const auto gate = make_program_gate(dir / "view/bin/flux", environment);
    const auto missing = try_once(*gate);
    CHECK(missing.answer == Attempt::Answer::not_yet);
    CHECK(missing.why == "No such file or directory");
    CHECK(gate->exit_code() == ExitCode::not_found);
    dir.write("view/bin/flux", "#!/bin/sh\n");
    REQUIRE(::chmod((dir / "view/bin/flux").c_str(), 0755) == 0);
    CHECK(try_once(*gate).answer == Attempt::Answer::open);
}

TEST_CASE("a file that is not a program: never, with code 126") {
    const TempDir dir;
    const Environment environment;
    const auto gate = make_program_gate(dir.write("flux", "text"), environment);
    CHECK(try_once(*gate).answer == Attempt::Answer::never);
    CHECK(gate->exit_code() == ExitCode::cannot_run);
}
