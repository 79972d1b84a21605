// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "fluxpod/plan/make.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

// Empty if the plan is made.
std::string fault_of(const Settings& settings, const std::string& user_toml = "") {
    auto plan = make_plan(settings, test::sample_identity(1, 2), test::sample_bind(),
                          test::sample_node(2), user_toml);
    if (plan) return "";
    CHECK(plan.error().code == ExitCode::settings);
    return plan.error().message();
}

bool mentions(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("a key of broker.toml that the plan decides: refused with the option that sets it") {
    Settings settings = test::sample_settings();
    settings.broker_config = "/mine.toml";
    const Rows rows{{"bootstrap.default_port = 9000", "--port"},
                    {"bootstrap.hosts = [{host='fp-1'},{host='fp-0'}]", "--hosts"},
                    {"[[bootstrap.hosts]]\nhost='fp-[0-1]'\nparent='fp-0'", "--parent"},
                    {"bootstrap.curve_cert = '/c'", "--curve-cert"},
                    {"bootstrap.default_bind = 'tcp://eth1:%p'", "--bind"},
                    {"bootstrap.default_connect = 'tcp://%h:%p'", "--service"},
                    {"bootstrap.enable_ipv6 = true", "--bind"},
                    {"[tbon]\ntopo = 'kary:2'", "--topology"},
                    {"[resource]\npath = '/r'", "--resource-config"},
                    {"[[resource.config]]\nhosts='fp-[0-1]'", "--resources discover"}};
    for (const auto& row : rows) {
        const auto& [toml, option] = row;
        CAPTURE(row.first);
        const auto fault = fault_of(settings, toml + "\n");
        CHECK(mentions(fault, option));
        CHECK(mentions(fault, "/mine.toml"));
    }
}

TEST_CASE("a key of broker.toml that the plan does not decide: the user's") {
    const Settings settings = test::sample_settings();
    for (const char* toml :
         {"[tbon]\nconnect_timeout='9s'\ntorpid_min='7s'\nzmqdebug=1", "[resource]\nnoverify=true",
          "[access]\nallow-guest-user=true", "[kvs]\ncheckpoint-period='5s'", "topo = 1",
          "['bootstrap.hosts']\nx = 1"}) {
        CAPTURE(toml);
        CHECK(fault_of(settings, toml).empty());
    }
}

TEST_CASE("with --resources discover the user's TOML may name an R") {
    Settings settings = test::sample_settings();
    settings.resources = ResourcesMode::discover;
    CHECK(fault_of(settings, "[resource]\npath='/r'").empty());
}

TEST_CASE("an attribute that the plan decides: refused with the option that sets it") {
    Settings settings = test::sample_settings();
    const Rows rows{{"rundir=/x", "--root"},
                    {"statedir=/x", "--root"},
                    {"local-uri=local:///x", "--root"},
                    {"statedir-cleanup=1", "outlive"},
                    {"hostname=other", "--hostname"},
                    {"hostlist=a,b", "--hosts"},
                    {"content.restore=/x", "--archive"},
                    {"content.dump=/x", "--archive"},
                    {"broker.quorum=9", "--min-size"},
                    {"broker.rc2_none=1", "COMMAND"},
                    {"broker.boot-method=simple", "broker.toml"},
                    {"config.path=/x", "--broker-config"},
                    {"tbon.topo=kary:2", "--topology"},
                    {"tbon.fanout=2", "--topology"}};
    for (const auto& row : rows) {
        const auto& [option, hint] = row;
        CAPTURE(row.first);
        settings.broker_options = {"tbon.zmqdebug=1", option};
        const auto fault = fault_of(settings);
        CHECK(mentions(fault, option));
        CHECK(mentions(fault, hint));
    }
    settings.broker_options = {"log-stderr-level=3", "tbon.torpid_min=1s", "rundir-cleanup=1"};
    CHECK(fault_of(settings).empty());
}

}  // namespace
}  // namespace fluxpod
