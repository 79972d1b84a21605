// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/report/state_file.hpp"

#include <doctest/doctest.h>

#include "fluxpod/report/boot_report.hpp"
#include "temp_dir.hpp"

namespace fluxpod {
namespace {

using test::TempDir;

BootState state_at(const std::string& stage) {
    BootState state;
    state.stage = stage;
    return state;
}

BootState state_in(const TempDir& dir) {
    auto state = parse_state(dir.read("state.json"));
    REQUIRE(state);
    return *state;
}

TEST_CASE("what is encoded is read back") {
    const BootState state{.pod = "fp-1",
                          .rank = 1,
                          .stage = "gates",
                          .since = 1767323045.25,
                          .launches = 2,
                          .supervised = true,
                          .parent = "10.244.1.4:8050",
                          .reason = "cannot do it: \"no\"\n"};
    auto read = parse_state(encode_state(state));
    REQUIRE(read);
    CHECK(read->pod == "fp-1");
    CHECK(read->rank == 1);
    CHECK(read->stage == "gates");
    CHECK(read->since == 1767323045.25);
    CHECK(read->launches == 2);
    CHECK(read->supervised);
    CHECK(read->parent == "10.244.1.4:8050");
    CHECK(read->reason == R"(cannot do it: "no"\x0a)");
}

TEST_CASE("a rank that is not known yet stays unknown") {
    auto read = parse_state(encode_state(state_at("identity")));
    REQUIRE(read);
    CHECK(read->rank == -1);
}

TEST_CASE("an invalid state: refused with a reason") {
    for (const char* text : {"", "{", "[]", "null", "{}", R"({"stage":7})", R"({"stage":""})"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_state(text));
    }
}

TEST_CASE("fields of the wrong type count as not said") {
    auto read = parse_state(R"({"stage":"launch","rank":"x","launches":-1,"supervised":1})");
    REQUIRE(read);
    CHECK(read->rank == -1);
    CHECK(read->launches == 0);
    CHECK_FALSE(read->supervised);
}

TEST_CASE("a number that is infinite as a double: not said") {
    auto read = parse_state(R"({"stage":"launch","since":12E456})");
    REQUIRE(read);
    CHECK(read->since == 0);
    CHECK(parse_state(encode_state(*read)));
}

TEST_CASE("a very long reason is cut, so that the file stays small") {
    BootState state = state_at("failed");
    state.reason = std::string(1 << 20, 'x');
    CHECK(encode_state(state).size() < 2000);
}

TEST_CASE("the state follows the stages of the report from the moment it is kept") {
    TempDir dir;
    auto report = BootReport::open("");
    REQUIRE(report);
    report->begin("identity");
    report->set_pod("fp-0", 0);
    report->begin("files");
    CHECK_FALSE(std::filesystem::exists(dir / "state.json"));
    report->keep_state(dir / "state.json", true);
    CHECK(state_in(dir).stage == "files");
    CHECK(state_in(dir).supervised);
    report->begin("launch");
    CHECK(state_in(dir).launches == 1);
    report->begin("gates");
    CHECK(state_in(dir).stage == "gates");
    CHECK(state_in(dir).launches == 1);
    report->begin("launch");
    CHECK(state_in(dir).launches == 2);
    report->end();
    CHECK(state_in(dir).stage == "launch");
}

TEST_CASE("a failure is the last state, with the error's one line") {
    TempDir dir;
    auto report = BootReport::open("");
    REQUIRE(report);
    report->keep_state(dir / "state.json", false);
    report->begin("gates");
    report->fail({.code = ExitCode::dns,
                  .doing = "wait for",
                  .subject = "fp-0",
                  .cause = "no answer",
                  .tried = "",
                  .hint = ""});
    CHECK(state_in(dir).stage == stage::failed);
    CHECK(state_in(dir).reason == "cannot wait for fp-0: no answer");
}

TEST_CASE("a state file that cannot be written ends itself and not the boot") {
    auto report = BootReport::open("");
    REQUIRE(report);
    report->keep_state("/proc/no/such/state.json", false);
    report->begin("launch");
}

TEST_CASE("an earlier life's state is forgotten") {
    TempDir dir;
    dir.write("state.json", encode_state(state_at("launch")));
    forget_state(dir / "state.json");
    CHECK_FALSE(std::filesystem::exists(dir / "state.json"));
    forget_state(dir / "state.json");
}

}  // namespace
}  // namespace fluxpod
