// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/render.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fluxpod/formats/resource_set.hpp"
#include "fluxpod/plan/make.hpp"
#include "golden.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

using test::check_golden;
using test::sample_identity;
using test::sample_settings;

Plan plan_of(const Settings& settings, const Identity& identity,
             const std::string& user_toml = "") {
    auto plan = make_plan(settings, identity, test::sample_bind(), test::sample_node(2), user_toml);
    REQUIRE(plan);
    return *plan;
}

std::vector<RenderedFile> files_of(const Plan& plan) {
    auto files = render_files(plan);
    REQUIRE_MESSAGE(files, (files ? "" : files.error().message()));
    return *files;
}

TEST_CASE("broker.toml, hostlist and R are rendered, readable for all, and no certificate") {
    const auto files = files_of(plan_of(sample_settings(), sample_identity(0, 4)));
    REQUIRE(files.size() == 3);
    CHECK(files[0].path == "/run/fluxpod/etc/flux/config/broker.toml");
    CHECK(files[1].path == "/run/fluxpod/etc/flux/system/hostlist");
    CHECK(files[2].path == "/run/fluxpod/etc/flux/system/R");
    for (const auto& file : files) CHECK(file.mode == 0644);
    check_golden("lead.broker.toml", files[0].bytes);
    CHECK(files[1].bytes == "fp-[0-3]\n");
    check_golden("R", files[2].bytes);
}

TEST_CASE("every pod of a cluster renders the same bytes") {
    const auto lead = files_of(plan_of(sample_settings(), sample_identity(0, 4)));
    const auto last = files_of(plan_of(sample_settings(), sample_identity(3, 4)));
    REQUIRE(lead.size() == last.size());
    for (std::size_t i = 0; i < lead.size(); ++i) CHECK(lead[i].bytes == last[i].bytes);
}

TEST_CASE("nothing is said of R where Flux discovers") {
    Settings settings = sample_settings();
    settings.resources = ResourcesMode::discover;
    const auto files = files_of(plan_of(settings, sample_identity(0, 4)));
    REQUIRE(files.size() == 2);
    CHECK(files[0].bytes.find("resource") == std::string::npos);
}

TEST_CASE("every option of the broker's configuration, with a user's file merged over it") {
    Settings settings = sample_settings();
    settings.topology.kind = TopologySpec::Kind::custom;
    settings.parents = {"fp-[2-3]=fp-1"};
    settings.queue_policy = "easy";
    settings.allow_guest = true;
    settings.connect_timeout = std::chrono::milliseconds(1500);
    Identity identity = sample_identity(1, 4);
    identity.kernel_hostname = "0123456789ab";
    const auto files =
        files_of(plan_of(settings, identity, "[tbon]\ntorpid_max = \"1m\"\n[custom]\nkey = 1\n"));
    check_golden("custom.broker.toml", files[0].bytes);
}

TEST_CASE("a user's TOML that breaks Flux's rules is an error of the settings and names its file") {
    for (const char* toml : {"[tbon]\ntorpid_min = \"soon\"\n", "[tbon]\nzmq_io_threads = \"x\"\n",
                             "[tbon]\nconnect_timeout = \"soon\"\n"}) {
        auto files = render_files(plan_of(sample_settings(), sample_identity(0, 4), toml));
        CAPTURE(toml);
        REQUIRE_FALSE(files);
        CHECK(files.error().code == ExitCode::settings);
        CHECK(files.error().hint.find("--broker-config") != std::string::npos);
    }
}

TEST_CASE("R is read back as it was planned") {
    const Plan plan = plan_of(sample_settings(), sample_identity(0, 4));
    auto parsed = ResourceSet::parse(files_of(plan)[2].bytes);
    REQUIRE(parsed);
    CHECK(parsed->hosts.encode() == "fp-[0-3]");
    REQUIRE(parsed->entries.size() == 1);
    CHECK(parsed->entries[0].ranks.encode() == "0-3");
    CHECK(parsed->entries[0].cores.encode() == "0-1");
}

TEST_CASE("the files of 100000 hosts are as small as those of four") {
    const auto few = files_of(plan_of(sample_settings(), sample_identity(0, 4)));
    const auto many = files_of(plan_of(sample_settings(), sample_identity(99999, 100000)));
    for (std::size_t i = 0; i < many.size(); ++i) {
        CHECK(many[i].bytes.size() < few[i].bytes.size() + 32);
    }
}

}  // namespace
}  // namespace fluxpod
