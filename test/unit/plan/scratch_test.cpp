// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/scratch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fluxpod/plan/broker.hpp"
#include "fluxpod/plan/explain.hpp"
#include "fluxpod/plan/make.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

constexpr std::uint64_t plenty = std::uint64_t{1} << 30U;
const std::string read_only = "Read-only file system";
const std::string noexec = "it is mounted noexec";

ScratchPlace good(const std::string& path) {
    return {.path = path, .no_files = "", .no_programs = "", .free_bytes = plenty};
}
ScratchPlace without_files(const std::string& path, const std::string& cause = read_only) {
    return {.path = path, .no_files = cause, .no_programs = cause, .free_bytes = 0};
}
ScratchPlace without_programs(const std::string& path) {
    return {.path = path, .no_files = "", .no_programs = noexec, .free_bytes = plenty};
}

ScratchFacts good_facts() {
    return {.tmpdir = {},
            .home = good("/home/user"),
            .home_exists = true,
            .tmp = good("/tmp"),
            .var_tmp = good("/var/tmp"),
            .root = good("/run/fluxpod")};
}

Plan plain_plan(const Settings& settings = test::sample_settings()) {
    auto plan = make_plan(settings, test::sample_identity(0, 2), test::sample_bind(),
                          test::sample_node(2), "");
    REQUIRE(plan);
    return *plan;
}

std::string value_of(const Plan& plan, const std::string& name) {
    for (const auto& [key, value] : plan.launch.set_environment) {
        if (key == name) return value;
    }
    return "unset";
}

bool has_directory(const Plan& plan, const std::string& path) {
    return std::ranges::any_of(plan.directories,
                               [&](const auto& each) { return each.path == path; });
}

bool has_rundir(const Plan& plan) {
    return std::ranges::count(broker_argv(plan), "-Srundir=/run/fluxpod/run/flux") == 1;
}

std::string text_of(const Plan& plan) {
    std::string text;
    for (const auto& note : plan.scratch) text += note.text + "\n";
    return text;
}

bool warns(const Plan& plan) {
    return std::ranges::any_of(plan.scratch, [](const auto& note) { return note.warns; });
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("a pod whose places take all: nothing changes") {
    const Plan before = plain_plan();
    const Plan plan = with_scratch(before, good_facts());
    CHECK(plan.launch.set_environment == before.launch.set_environment);
    CHECK(broker_argv(plan) == broker_argv(before));
    CHECK(plan.directories.size() == before.directories.size());
    CHECK(plan.scratch.empty());
}

TEST_CASE("TMPDIR: the first place that takes files and programs, if Flux's own do not") {
    struct Row {
        const char* what;
        ScratchPlace tmp, var_tmp, root;
        std::string tmpdir;
        bool warns;
    };
    const std::string below = "/run/fluxpod/tmp";
    const std::vector<Row> rows{
        {"a read-only root with a volume at /tmp", good("/tmp"), without_files("/var/tmp"),
         good("/run/fluxpod"), "/tmp", false},
        {"a volume at /var/tmp alone", without_files("/tmp"), good("/var/tmp"),
         good("/run/fluxpod"), "/var/tmp", false},
        {"no volume but the root's", without_files("/tmp"), without_files("/var/tmp"),
         good("/run/fluxpod"), below, false},
        {"Docker's tmpfs at /tmp", without_programs("/tmp"), without_files("/var/tmp"),
         good("/run/fluxpod"), below, false},
        {"Docker's tmpfs at /tmp, and the image's /var/tmp", without_programs("/tmp"),
         good("/var/tmp"), good("/run/fluxpod"), "/var/tmp", false},
        {"a /var/tmp that is noexec serves for Flux's state", good("/tmp"),
         without_programs("/var/tmp"), good("/run/fluxpod"), "unset", false},
        {"noexec everywhere", without_programs("/tmp"), without_files("/var/tmp"),
         without_programs("/run/fluxpod"), "/tmp", true},
        {"no place at all", without_files("/tmp"), without_files("/var/tmp"),
         without_files("/run/fluxpod"), "unset", true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        ScratchFacts facts = good_facts();
        facts.tmp = row.tmp;
        facts.var_tmp = row.var_tmp;
        facts.root = row.root;
        const Plan plan = with_scratch(plain_plan(), facts);
        CHECK(value_of(plan, "TMPDIR") == row.tmpdir);
        CHECK(warns(plan) == row.warns);
        CHECK(has_directory(plan, below) == (row.tmpdir == below));
    }
}

TEST_CASE("TMPDIR that is set: the log and --explain say why") {
    ScratchFacts facts = good_facts();
    facts.tmp = without_programs("/tmp");
    facts.var_tmp = without_files("/var/tmp");
    const Plan plan = with_scratch(plain_plan(), facts);
    const std::string text =
        "TMPDIR is set to /run/fluxpod/tmp: /tmp takes no programs (it is mounted noexec), "
        "/var/tmp takes no files (Read-only file system)";
    CHECK(text_of(plan) == text + "\n");
    const Settings settings = test::sample_settings();
    const std::string screen = explain_as_text(plan, settings);
    CHECK(contains(screen, "scratch      " + text + "\n"));
    CHECK(contains(screen, "set          TMPDIR=/run/fluxpod/tmp\n"));
    CHECK(contains(explain_as_json(plan, settings), "\"scratch\":[\"" + text + "\"]"));
}

TEST_CASE("the user's own TMPDIR: kept if it takes files") {
    ScratchFacts facts = good_facts();
    facts.tmp = facts.var_tmp = without_files("/tmp");
    facts.tmpdir = good("/scratch");
    CHECK(with_scratch(plain_plan(), facts).scratch.empty());

    facts.tmpdir = without_programs("/scratch");
    const Plan plan = with_scratch(plain_plan(), facts);
    CHECK(value_of(plan, "TMPDIR") == "unset");
    CHECK(warns(plan));
    CHECK(contains(text_of(plan), "/scratch takes no programs"));
}

TEST_CASE("the user's own TMPDIR that takes no files: replaced with a warning") {
    ScratchPlace small = good("/small");
    small.free_bytes = 4096;
    const std::string far = "/" + std::string(84, 'x');
    for (const auto& row : std::vector<std::pair<ScratchPlace, std::string>>{
             {without_files("/gone", "No such file or directory"), "No such file or directory"},
             {without_files("", "it is not an absolute path"), "it is not an absolute path"},
             {small, "4096 bytes are free"},
             {good(far), "its name has 85 bytes"}}) {
        const auto& [place, cause] = row;
        CAPTURE(row.first.path);
        ScratchFacts facts = good_facts();
        facts.tmpdir = place;
        const Plan plan = with_scratch(plain_plan(), facts);
        CHECK(value_of(plan, "TMPDIR") == "/tmp");
        CHECK(warns(plan));
        CHECK(contains(text_of(plan), cause));
    }
}

TEST_CASE("HOME: set if there is none to keep") {
    struct Row {
        std::optional<ScratchPlace> home;
        bool exists;
        bool is_set;
    };
    const std::vector<Row> rows{
        {std::nullopt, false, true},
        {without_files("/"), true, true},
        {without_files("/nonexistent", "No such file or directory"), false, true},
        {without_files("", "it is not an absolute path"), false, true},
        {without_files("/home/user"), true, false},
        {good("/"), true, false},
        {without_programs("/home/user"), true, false},
    };
    for (const auto& row : rows) {
        const auto& [home, exists, is_set] = row;
        CAPTURE((row.home ? row.home->path : "unset"));
        ScratchFacts facts = good_facts();
        facts.home = home;
        facts.home_exists = exists;
        const Plan plan = with_scratch(plain_plan(), facts);
        CHECK(value_of(plan, "HOME") == (is_set ? "/run/fluxpod/home" : "unset"));
        CHECK(has_directory(plan, "/run/fluxpod/home") == is_set);
        CHECK(!warns(plan));
    }
}

TEST_CASE("Flux's run directory, from which batch scripts run: where TMPDIR takes programs") {
    ScratchFacts facts = good_facts();
    CHECK(has_rundir(with_scratch(plain_plan(), facts)));

    facts.root = without_programs("/run/fluxpod");
    Plan plan = with_scratch(plain_plan(), facts);
    CHECK(!has_rundir(plan));
    CHECK(contains(text_of(plan), "Flux makes its run directory in /tmp: /run/fluxpod takes no"));
    CHECK(!warns(plan));

    facts.tmp = without_programs("/tmp");
    facts.var_tmp = without_programs("/var/tmp");
    plan = with_scratch(plain_plan(), facts);
    CHECK(has_rundir(plan));
    CHECK(warns(plan));
    CHECK(contains(text_of(plan), "ends with status 126"));
}

}  // namespace
}  // namespace fluxpod
