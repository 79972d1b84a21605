// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/explain.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "fluxpod/plan/broker.hpp"
#include "fluxpod/plan/make.hpp"
#include "golden.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

using test::check_golden;

Plan plan_of(const Settings& settings, const Identity& identity) {
    auto plan = make_plan(settings, identity, test::sample_bind(), test::sample_node(4), "");
    REQUIRE(plan);
    return *plan;
}

Settings lead_settings() {
    Settings settings = test::sample_settings();
    settings.size = 4;
    settings.origins["size"] = "spec.size of mini.yaml";
    settings.command = {"flux", "submit", "--watch", "it's \x1b[31mred"};
    return settings;
}

TEST_CASE("the lead's plan on one screen, with where its values came from") {
    const Settings settings = lead_settings();
    const std::string text =
        explain_as_text(plan_of(settings, test::sample_identity(0, 4)), settings);
    check_golden("explain-lead.txt", text);
    CHECK(std::count(text.begin(), text.end(), '\n') <= 40);
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a follower's plan names its parent and the wait") {
    Settings settings;
    settings.curve_secret = "/etc/secret/key";
    settings.resources = ResourcesMode::discover;
    settings.wait_until = WaitUntil::tcp;
    settings.origins["wait-until"] = "FLUXPOD_WAIT_UNTIL";
    settings.topology = {TopologySpec::Kind::binomial, 0};
    check_golden("explain-follower.txt",
                 explain_as_text(plan_of(settings, test::sample_identity(5, 8)), settings));
}

TEST_CASE("a host list without a pattern does not fill the screen") {
    Identity identity = test::sample_identity(0, 2);
    for (std::size_t i = 0; i < 2000; ++i) {
        identity.hosts.append("node" + std::string(i % 50 + 1, 'x'));
    }
    Settings settings = test::sample_settings();
    const std::string text = explain_as_text(plan_of(settings, identity), settings);
    CHECK(text.size() < 8000);
}

TEST_CASE("a share that floats is shown as that, and unequal groups each in its line") {
    Settings settings = test::sample_settings();
    settings.resource_config = {"fp-[0-2]=cores:1", "fp-3=cores:2,gpus:1"};
    settings.node_check = true;
    NodeShare node = test::sample_node(2);
    node.judgement = {
        .verdict = Verdict::unproven, .reason = "because", .advice = "do that", .floats = true};
    auto plan = make_plan(settings, test::sample_identity(3, 4), test::sample_bind(), node, "");
    REQUIRE(plan);
    const std::string text = explain_as_text(*plan, settings);
    for (const char* line : {"node         unproven: because\n", "cpu-affinity off for jobs",
                             "resources    rank 0-2 each with cores 0\n",
                             "             rank 3 each with cores 0-1, GPUs 0\n",
                             "append       FLUX_RC_EXTRA=/run/fluxpod/etc/flux\n"}) {
        CAPTURE(line);
        CHECK(text.find(line) != std::string::npos);
    }
    const auto value = boost::json::parse(explain_as_json(*plan, settings));
    CHECK(value.at("node").at("floats").as_bool());
    CHECK(value.at("node").at("bind").is_null());
    CHECK(value.at("resources").at("gpus").as_string() == "0");
    CHECK(value.at("launch").at("append").at("FLUX_RC_EXTRA").as_string() ==
          "/run/fluxpod/etc/flux");
}

TEST_CASE("the JSON has every documented member, the null ones too") {
    Settings settings = test::sample_settings();
    settings.curve_cert.clear();
    settings.resources = ResourcesMode::discover;
    const Plan plan = plan_of(settings, test::sample_identity(0, 1));
    const std::string text = explain_as_json(plan, settings);
    CHECK(text.back() == '\n');
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);

    const auto value = boost::json::parse(text);
    std::string members;
    for (const auto& member : value.as_object()) members += std::string(member.key()) + " ";
    CHECK(
        members ==
        "pod cluster tree overlay certificate resources node directories files wait scratch launch "
        "origins ");
    CHECK(value.at("tree").at("parent").is_null());
    CHECK(value.at("tree").at("children").as_string().empty());
    CHECK(value.at("resources").is_null());
    CHECK(value.at("wait").is_null());
    CHECK(value.at("certificate").at("source").as_string() == "none");
    CHECK(value.at("launch").at("environment").as_object().empty());
}

TEST_CASE("the JSON of a lead is as recorded") {
    const Settings settings = lead_settings();
    check_golden("explain-lead.json",
                 explain_as_json(plan_of(settings, test::sample_identity(0, 4)), settings));
}

TEST_CASE("the JSON keeps the argument vector as it is") {
    const Settings settings = lead_settings();
    const Plan plan = plan_of(settings, test::sample_identity(0, 4));
    const auto value = boost::json::parse(explain_as_json(plan, settings));
    const auto& argv = value.at("launch").at("argv").as_array();
    const auto words = broker_argv(plan);
    REQUIRE(argv.size() == words.size());
    for (std::size_t i = 0; i < argv.size(); ++i) CHECK(argv[i].as_string() == words[i]);
}

}  // namespace
}  // namespace fluxpod
