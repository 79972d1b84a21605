// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/node_check.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

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

enum class Node { unproven, own, share };

NodeShare node_with(Node kind) {
    NodeShare node = test::sample_node(2);
    node.judgement.verdict = Verdict::unproven;
    node.judgement.proven = kind == Node::own;
    node.judgement.floats = kind == Node::share;
    node.floating_cpus = kind == Node::share ? 1 : 0;
    return node;
}

Settings checked_settings(const std::string& root = "/run/fluxpod") {
    Settings settings = test::sample_settings(root);
    settings.node_check.reset();
    return settings;
}

bool has_file(const std::vector<RenderedFile>& files, const std::string& path, mode_t mode) {
    return std::ranges::any_of(
        files, [&](const auto& file) { return file.path == path && file.mode == mode; });
}

TEST_CASE("the node check: on unless the CPUs are counted once, or the rule is off") {
    struct Row {
        NodeRule rule;
        std::optional<bool> asked;
        Node node;
        bool rendered, required;
    };
    for (const Row& row : {
             Row{NodeRule::share, {}, Node::unproven, true, false},
             Row{NodeRule::warn, {}, Node::unproven, true, false},
             Row{NodeRule::strict, {}, Node::unproven, true, true},
             Row{NodeRule::off, {}, Node::unproven, false, false},
             Row{NodeRule::share, {}, Node::own, false, false},
             Row{NodeRule::strict, {}, Node::own, false, false},
             Row{NodeRule::share, {}, Node::share, false, false},
             Row{NodeRule::strict, false, Node::unproven, false, false},
             // An explicit on is never overridden.
             Row{NodeRule::share, true, Node::own, true, true},
             Row{NodeRule::share, true, Node::share, true, true},
             Row{NodeRule::off, true, Node::unproven, true, true},
         }) {
        Settings settings = checked_settings();
        settings.node_rule = row.rule;
        settings.node_check = row.asked;
        const Plan plan = plan_of(settings, node_with(row.node));
        CAPTURE(static_cast<int>(row.rule));
        CAPTURE(static_cast<int>(row.node));
        CHECK(plan.node_check.has_value() == row.rendered);
        const auto files = render_files(plan);
        REQUIRE(files);
        CHECK(has_file(*files, "/run/fluxpod/etc/flux/modprobe/rc1.d/fluxpod-node-check.py",
                       0644) == row.rendered);
        CHECK(has_file(*files, "/run/fluxpod/etc/flux/rc1.d/fluxpod-node-check", 0755) ==
              row.rendered);
        if (!row.rendered) continue;
        CHECK(plan.node_check->drains);
        CHECK(plan.node_check->required == row.required);
        CHECK(plan.node_check->bind_count == 0);
    }
}

TEST_CASE("bind-cpus: asks for CPUs of its own if the share floats, and only then") {
    Settings settings = checked_settings();
    settings.bind_cpus = true;
    const Plan shares = plan_of(settings, node_with(Node::share));
    REQUIRE(shares.node_check);
    CHECK(shares.node_check->bind_count == 1);
    CHECK(shares.node_check->cores.size() == 2);
    CHECK_FALSE(shares.node_check->drains);
    const std::string text = render_node_check(shares);
    CHECK(text.find("\nDRAINS = False\nREQUIRED = True\nCOUNT = 1\nPACKAGES = [[[0], [1]]]\n") !=
          std::string::npos);
    CHECK_FALSE(plan_of(settings, node_with(Node::own)).node_check);
}

TEST_CASE("a cluster of one: nobody to share its node with, so no node check") {
    Settings settings = checked_settings();
    settings.node_rule = NodeRule::strict;
    auto plan = make_plan(settings, test::sample_identity(0, 1), test::sample_bind(),
                          test::sample_node(2), "");
    REQUIRE(plan);
    CHECK_FALSE(plan->node_check);
}

TEST_CASE("the program has this rank, its node as one step of a key, and the broker's own URI") {
    Settings settings = checked_settings("/tmp/it's here");
    settings.node_rule = NodeRule::strict;
    settings.node_name = "ip-10-0.ec2;$(reboot)'\"";
    const Plan plan = plan_of(settings, test::sample_node(2));
    const std::string text = render_node_check(plan);
    CHECK(text.find("\nRANK = 1\nHOST = os.fsdecode(b\"fp-1\")\n") != std::string::npos);
    CHECK(text.find(R"(URI = os.fsdecode(b"local:///tmp/it\x27s here/run/flux/local"))") !=
          std::string::npos);
    CHECK(text.find("NODE = os.fsdecode(b\"ip-10-0_ec2___reboot___\")\n") != std::string::npos);
    CHECK(render_node_check_script(plan).find(
              R"(flux python '/tmp/it'\''s here/etc/flux/modprobe/rc1.d/fluxpod-node-check.py')") !=
          std::string::npos);
}

TEST_CASE("the script is one that sh can read, and the program one that Python can") {
    Settings settings = checked_settings();
    settings.node_rule = NodeRule::strict;
    const Plan plan = plan_of(settings, test::sample_node(2));
    const test::TempDir directory;
    const std::string script = directory.write("check", render_node_check_script(plan));
    const std::string program = directory.write("check.py", render_node_check(plan));
    // NOLINTBEGIN(cert-env33-c,concurrency-mt-unsafe): a shell and Python are what is tested
    CHECK(std::system(("sh -n " + script).c_str()) == 0);
    const std::string compile = "import sys; compile(open(sys.argv[1]).read(), 'check', 'exec')";
    CHECK(std::system(("python3 -c \"" + compile + "\" " + program).c_str()) == 0);
    // NOLINTEND(cert-env33-c,concurrency-mt-unsafe)
}

}  // namespace
}  // namespace fluxpod
