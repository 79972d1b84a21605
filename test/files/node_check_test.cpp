// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/node_check.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "fluxpod/files/render.hpp"
#include "fluxpod/plan/make.hpp"
#include "sample_cluster.hpp"
#include "temp_dir.hpp"

namespace fluxpod {
namespace {

Plan plan_of(const Settings& settings, const NodeShare& node, std::uint32_t size = 4) {
    auto plan = make_plan(settings, test::sample_identity(1, size), test::sample_bind(), node, "");
    REQUIRE(plan);
    return *plan;
}

NodeShare node_with(Verdict verdict) {
    NodeShare node = test::sample_node(2);
    node.judgement.verdict = verdict;
    return node;
}

TEST_CASE("the node check is rendered where the rule is strict or it is asked for") {
    struct Row {
        NodeRule rule;
        std::optional<bool> asked;
        Verdict verdict;
        bool rendered;
    };
    for (const Row& row : {
             Row{NodeRule::strict, {}, Verdict::whole_node, true},
             Row{NodeRule::strict, {}, Verdict::unproven, true},
             Row{NodeRule::strict, false, Verdict::whole_node, false},
             Row{NodeRule::share, {}, Verdict::whole_node, false},
             Row{NodeRule::share, true, Verdict::whole_node, true},
             Row{NodeRule::off, true, Verdict::whole_node, true},
             // Two shares of a node are no fault.
             Row{NodeRule::strict, {}, Verdict::proven_share, false},
             Row{NodeRule::warn, true, Verdict::proven_share, false},
         }) {
        Settings settings = test::sample_settings();
        settings.node_rule = row.rule;
        settings.node_check = row.asked;
        const Plan plan = plan_of(settings, node_with(row.verdict));
        CAPTURE(static_cast<int>(row.rule));
        CHECK(plan.node_check.has_value() == row.rendered);
        CHECK(plan.launch.append_environment.size() == (row.rendered ? 1 : 0));
        const auto files = render_files(plan);
        REQUIRE(files);
        CHECK((files->back().path == "/run/fluxpod/etc/flux/rc1.d/fluxpod-node-check") ==
              row.rendered);
        CHECK((files->back().mode == 0755) == row.rendered);
    }
}

TEST_CASE("a cluster of one has nobody to share its node with") {
    Settings settings = test::sample_settings();
    settings.node_rule = NodeRule::strict;
    auto plan = make_plan(settings, test::sample_identity(0, 1), test::sample_bind(),
                          test::sample_node(2), "");
    REQUIRE(plan);
    CHECK_FALSE(plan->node_check);
}

TEST_CASE("the script has this rank, its node as one step of a key, and the broker's own URI") {
    Settings settings = test::sample_settings("/tmp/it's here");
    settings.node_rule = NodeRule::strict;
    settings.node_name = "ip-10-0.ec2;$(reboot)'";
    const std::string text = render_node_check(plan_of(settings, test::sample_node(2)));
    CHECK(text.starts_with("#!/bin/sh\n"));
    CHECK(text.find("rank=1\nhost=fp-1\n") != std::string::npos);
    CHECK(text.find(R"(uri='local:///tmp/it'\''s here/run/flux/local')") != std::string::npos);
    CHECK(text.find("$boot_id.ip-10-0_ec2___reboot__\n") != std::string::npos);
}

TEST_CASE("the script is one that sh can read") {
    Settings settings = test::sample_settings();
    settings.node_rule = NodeRule::strict;
    const test::TempDir directory;
    const std::string path =
        directory.write("check", render_node_check(plan_of(settings, test::sample_node(2))));
    // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): a shell is what is tested
    CHECK(std::system(("sh -n " + path).c_str()) == 0);
}

}  // namespace
}  // namespace fluxpod
