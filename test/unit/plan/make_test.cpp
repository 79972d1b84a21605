// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/make.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fluxpod/plan/broker.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

using test::sample_bind;
using test::sample_identity;
using test::sample_node;
using test::sample_settings;
using Words = std::vector<std::string>;

Result<Plan> plan_of(const Settings& settings, const Identity& identity) {
    return make_plan(settings, identity, sample_bind(), sample_node(2), "");
}

Plan good_plan(const Settings& settings, const Identity& identity) {
    auto plan = plan_of(settings, identity);
    REQUIRE_MESSAGE(plan, (plan ? "" : plan.error().message()));
    return *plan;
}

bool has(const Words& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool has_prefix(const Words& words, const std::string& prefix) {
    return std::any_of(words.begin(), words.end(),
                       [&](const auto& word) { return word.starts_with(prefix); });
}

Words behind_dashes(const Words& argv) {
    auto dashes = std::find(argv.begin(), argv.end(), "--");
    return dashes == argv.end() ? Words{} : Words(dashes + 1, argv.end());
}

Settings custom_settings(Words parents) {
    Settings settings = sample_settings();
    settings.topology.kind = TopologySpec::Kind::custom;
    settings.parents = std::move(parents);
    return settings;
}

TEST_CASE("everything is below the root, however the root is spelled") {
    CHECK(Layout::below("/run/fluxpod").broker_toml == "/run/fluxpod/etc/flux/config/broker.toml");
    CHECK(Layout::below("/run/fluxpod//").rundir == "/run/fluxpod/run/flux");
    CHECK(Layout::below("/").r == "/etc/flux/system/R");
    CHECK(Layout::below("/").root == "/");
}

TEST_CASE("the lead runs the command, has a statedir and waits for nobody") {
    Settings settings = sample_settings();
    settings.command = {"flux", "submit", "hostname; id"};
    const Plan plan = good_plan(settings, sample_identity(0, 4));
    CHECK(broker_argv(plan) ==
          Words{"flux", "broker", "--config-path=/run/fluxpod/etc/flux/config/broker.toml",
                "-Srundir=/run/fluxpod/run/flux", "-Slocal-uri=local:///run/fluxpod/run/flux/local",
                "-Sstatedir=/run/fluxpod/var/lib/flux", "-Sbroker.quorum=4", "-Slog-stderr-level=6",
                "-Slog-stderr-mode=local", "--", "flux", "submit", "hostname; id"});
    CHECK_FALSE(plan.parent);
    CHECK_FALSE(plan.gate);
    CHECK(plan.children == std::vector<std::uint32_t>{1, 2, 3});
    CHECK(plan.directories.back().path == "/run/fluxpod/var/lib/flux");
    CHECK(plan.directories.back().mode == 0700);
}

TEST_CASE("a follower runs no program, keeps no state and waits for its parent") {
    Settings settings = sample_settings();
    settings.command = {"true", "really"};
    settings.topology.k = 2;
    const Plan plan = good_plan(settings, sample_identity(5, 8));
    CHECK(has(broker_argv(plan), "-Sbroker.rc2_none=1"));
    CHECK_FALSE(has(broker_argv(plan), "--"));
    CHECK_FALSE(has_prefix(broker_argv(plan), "-Sstatedir="));
    CHECK(plan.parent == 2U);
    REQUIRE(plan.gate);
    CHECK(plan.gate->parent == 2);
    CHECK(plan.gate->host == "fp-2.flux.default.svc.cluster.local");
    CHECK(plan.gate->port == 8050);
    CHECK(std::none_of(plan.directories.begin(), plan.directories.end(),
                       [](const auto& directory) { return directory.path.ends_with("/var"); }));
}

TEST_CASE("a lead without a command is a service") {
    const Plan plan = good_plan(sample_settings(), sample_identity(0, 2));
    CHECK(has(broker_argv(plan), "-Sbroker.rc2_none=1"));
    CHECK_FALSE(has(broker_argv(plan), "--"));
}

TEST_CASE("a command of one word is that program, not a shell's line") {
    Settings settings = sample_settings();
    for (const char* word :
         {"a b", "bash", "/bin/bash", "$HOME", "/$HOME", "", "-x", "app", "sleep 1; rm -rf /"}) {
        settings.command = {word};
        const Plan plan = good_plan(settings, sample_identity(0, 2));
        CHECK(behind_dashes(broker_argv(plan)) == Words{"env", "--", word});
    }
}

TEST_CASE("a program that is named by its plain path needs no env") {
    Settings settings = sample_settings();
    settings.command = {"/opt/app-1.0/bin/run_it"};
    const Plan plan = good_plan(settings, sample_identity(0, 2));
    CHECK(behind_dashes(broker_argv(plan)) == settings.command);
}

TEST_CASE("several words stay as they are") {
    Settings settings = sample_settings();
    settings.command = {"--", "", "a b", "x=y"};
    const Plan plan = good_plan(settings, sample_identity(0, 2));
    CHECK(behind_dashes(broker_argv(plan)) == settings.command);
}

TEST_CASE("a lone program whose name env would take for a variable is refused") {
    Settings settings = sample_settings();
    settings.command = {"/opt/a=b/run"};
    auto plan = plan_of(settings, sample_identity(0, 2));
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == ExitCode::settings);
    CHECK(plan.error().message().find("/opt/a=b/run") != std::string::npos);
    // Followers do not run it.
    CHECK(plan_of(settings, sample_identity(1, 2)));
}

TEST_CASE("the quorum is the least size") {
    Identity identity = sample_identity(0, 8);
    identity.size = 4;
    identity.min_size = 2;
    CHECK(has(broker_argv(good_plan(sample_settings(), identity)), "-Sbroker.quorum=2"));
}

TEST_CASE("the tree spans the hosts that may come, not only those that are expected now") {
    Identity identity = sample_identity(0, 8);
    identity.size = identity.min_size = 2;
    CHECK(good_plan(sample_settings(), identity).children.size() == 7);
}

TEST_CASE("Flux gets its host name only if the kernel says another one") {
    Identity identity = sample_identity(1, 2);
    Plan plan = good_plan(sample_settings(), identity);
    CHECK_FALSE(has_prefix(broker_argv(plan), "-Shostname="));
    CHECK_FALSE(plan.broker.ignore_kernel_hostnames);

    identity.kernel_hostname = "fp-1.flux.default.svc.cluster.local";
    plan = good_plan(sample_settings(), identity);
    CHECK(has(broker_argv(plan), "-Shostname=fp-1"));
    // Or Flux's resource module drains every rank.
    CHECK(plan.broker.ignore_kernel_hostnames);

    identity.kernel_hostname.clear();
    CHECK_FALSE(has_prefix(broker_argv(good_plan(sample_settings(), identity)), "-Shostname="));
}

TEST_CASE("a user's broker option replaces ours, for Flux refuses an attribute given twice") {
    Settings settings = sample_settings();
    settings.broker_options = {"tbon.zmqdebug=1", "log-stderr-level=7", "log-stderr-level=3",
                               "log-filename=a=b"};
    const Plan plan = good_plan(settings, sample_identity(0, 2));
    const Words argv = broker_argv(plan);
    CHECK(has(argv, "-Stbon.zmqdebug=1"));
    CHECK(argv.back() == "-Slog-filename=a=b");
    CHECK(std::count_if(argv.begin(), argv.end(), [](const auto& word) {
              return word.starts_with("-Slog-stderr-level=");
          }) == 1);
    CHECK(has(argv, "-Slog-stderr-level=3"));
}

TEST_CASE("a broker option without a name or a value is refused") {
    Settings settings = sample_settings();
    for (const char* option : {"broker.quorum", "=1", ""}) {
        settings.broker_options = {option};
        auto plan = plan_of(settings, sample_identity(0, 2));
        REQUIRE_FALSE(plan);
        CHECK(plan.error().code == ExitCode::settings);
    }
}

TEST_CASE("a cluster of more than one needs a certificate, and one broker does not") {
    Settings settings = sample_settings();
    settings.curve_cert.clear();
    auto plan = plan_of(settings, sample_identity(0, 2));
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == ExitCode::certificate);
    CHECK(plan.error().hint.find("--curve-cert") != std::string::npos);

    const Plan single = good_plan(settings, sample_identity(0, 1));
    CHECK_FALSE(single.broker.curve_cert);
    CHECK(std::none_of(single.directories.begin(), single.directories.end(),
                       [](const auto& directory) { return directory.path.ends_with("/curve"); }));

    settings.curve_secret = "/etc/secret/key";
    const Plan derived = good_plan(settings, sample_identity(0, 2));
    CHECK(derived.certificate.source == CertPlan::Source::secret);
    CHECK(derived.broker.curve_cert == "/run/fluxpod/curve/curve.cert");
}

TEST_CASE("a root that Flux's sockets would not fit below is refused, to the byte") {
    Settings settings = sample_settings();
    const std::size_t longest_root = 96 - std::string("/run/flux").size();
    settings.root = "/" + std::string(longest_root - 1, 'r');
    CHECK(plan_of(settings, sample_identity(0, 2)));
    settings.root += 'r';
    auto plan = plan_of(settings, sample_identity(0, 2));
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == ExitCode::settings);
    CHECK(plan.error().message().find("97") != std::string::npos);
}

TEST_CASE("a relative root is refused") {
    for (const char* root : {"", "run", "./run"}) {
        auto plan = plan_of(sample_settings(root), sample_identity(0, 2));
        REQUIRE_FALSE(plan);
        CHECK(plan.error().code == ExitCode::settings);
    }
}

TEST_CASE("the hosts are one entry, and addresses end in the headless service's name") {
    const Plan plan = good_plan(sample_settings(), sample_identity(0, 100000));
    const auto hosts = broker_config(plan).hosts;
    REQUIRE(hosts.size() == 1);
    CHECK(hosts[0].host == "fp-[0-99999]");
    CHECK_FALSE(hosts[0].parent);
    CHECK(plan.broker.default_connect == "tcp://%h.flux.default.svc.cluster.local:%p");
    CHECK(plan.broker.default_bind == "tcp://eth0:%p");
    CHECK(plan.broker.topo == "kary:32");
}

TEST_CASE("with a custom topology each run of ranks with one parent is an entry, in rank order") {
    const Plan plan = good_plan(custom_settings({"fp-[2-3]=fp-1", "fp-4=fp-3", "fp-6=fp-1"}),
                                sample_identity(4, 7));
    const auto hosts = broker_config(plan).hosts;
    REQUIRE(hosts.size() == 5);
    CHECK(hosts[0].host == "fp-[0-1]");
    CHECK_FALSE(hosts[0].parent);
    CHECK(hosts[1].host == "fp-[2-3]");
    CHECK(hosts[1].parent == "fp-1");
    CHECK(hosts[2].host == "fp-4");
    CHECK(hosts[2].parent == "fp-3");
    CHECK(hosts[3].host == "fp-5");
    CHECK_FALSE(hosts[3].parent);
    CHECK(hosts[4].host == "fp-6");
    CHECK(hosts[4].parent == "fp-1");
    CHECK(plan.parent == 3U);
    CHECK(plan.gate->host == "fp-3.flux.default.svc.cluster.local");
}

TEST_CASE("parents that make no tree are refused with what is wrong with them") {
    struct Row {
        Words parents;
        const char* cause;
    };
    for (const auto& row : std::vector<Row>{
             {{"fp-1"}, "not CHILDREN=PARENT"},
             {{"=fp-1"}, "names no children"},
             {{"fp-1="}, "one parent"},
             {{"fp-3=fp-[1-2]"}, "one parent"},
             {{"fp-9=fp-1"}, "fp-9 is not in the host list"},
             {{"fp-1=db-0"}, "db-0 is not in the host list"},
             {{"fp-0=fp-1"}, "fp-0 is the lead"},
             {{"fp-[0-3]=fp-1"}, "fp-0 is the lead"},
             {{"fp-2=fp-1", "fp-2=fp-3"}, "another parent"},
             {{"fp-1=fp-1"}, "fp-1 is its own ancestor"},
             {{"fp-1=fp-2", "fp-2=fp-1"}, "its own ancestor"},
             {{"fp-4=fp-1", "fp-1=fp-2", "fp-2=fp-3", "fp-3=fp-1"}, "its own ancestor"},
         }) {
        auto plan = plan_of(custom_settings(row.parents), sample_identity(0, 5));
        CAPTURE(row.cause);
        REQUIRE_FALSE(plan);
        CHECK(plan.error().code == ExitCode::settings);
        CHECK(plan.error().cause.find(row.cause) != std::string::npos);
    }
}

TEST_CASE("the same parent said twice is one parent") {
    CHECK(plan_of(custom_settings({"fp-2=fp-1", "fp-[2-3]=fp-1"}), sample_identity(0, 5)));
}

TEST_CASE("a chain of 100000 ranks: not a cycle") {
    Identity identity = sample_identity(0, 100000);
    Words parents;
    for (int rank = 2; rank < 100000; rank += 1) {
        parents.push_back("fp-" + std::to_string(rank) + "=fp-" + std::to_string(rank - 1));
    }
    const Plan plan = good_plan(custom_settings(parents), identity);
    CHECK(plan.children == std::vector<std::uint32_t>{1});
}

TEST_CASE("resources are the same for every rank, or Flux discovers them") {
    Settings settings = sample_settings();
    const Plan plan = good_plan(settings, sample_identity(1, 3));
    REQUIRE(plan.resources);
    REQUIRE(plan.resources->entries.size() == 1);
    CHECK(plan.resources->entries[0].ranks.encode() == "0-2");
    CHECK(plan.resources->entries[0].cores.encode() == "0-1");
    CHECK(plan.resources->entries[0].gpus.empty());
    CHECK(plan.broker.resource_path == "/run/fluxpod/etc/flux/system/R");

    settings.resources = ResourcesMode::discover;
    auto discovered = make_plan(settings, sample_identity(1, 3), sample_bind(), {}, "");
    REQUIRE(discovered);
    CHECK_FALSE(discovered->resources);
    CHECK_FALSE(discovered->broker.resource_path);
}

TEST_CASE("R without a core is refused") {
    for (const auto& node : {std::optional<NodeShare>(), std::optional(sample_node(0))}) {
        auto plan = make_plan(sample_settings(), sample_identity(0, 2), sample_bind(), node, "");
        REQUIRE_FALSE(plan);
        CHECK(plan.error().code == ExitCode::settings);
    }
}

TEST_CASE("a node with GPUs: they are in R") {
    NodeShare node = sample_node(4);
    node.shape.gpus = 2;
    auto plan = make_plan(sample_settings(), sample_identity(0, 2), sample_bind(), node, "");
    REQUIRE(plan);
    CHECK(plan->resources->entries[0].gpus.encode() == "0-1");
}

TEST_CASE("each directory comes after the one that holds it, and only ours are private") {
    const Plan plan = good_plan(sample_settings("/"), sample_identity(0, 2));
    CHECK(plan.directories.front().path == "/");
    for (auto at = plan.directories.begin() + 1; at != plan.directories.end(); ++at) {
        const auto slash = at->path.find_last_of('/');
        const std::string parent = slash == 0 ? "/" : at->path.substr(0, slash);
        CAPTURE(at->path);
        CHECK(std::any_of(plan.directories.begin(), at,
                          [&](const auto& earlier) { return earlier.path == parent; }));
        CHECK((at->mode == 0755 || at->must_be_ours));
    }
}

std::vector<std::string> hosts_of(const Plan& plan, const std::string& parent_endpoint = {}) {
    std::vector<std::string> entries;
    for (const auto& entry : broker_config(plan, parent_endpoint).hosts) {
        entries.push_back(entry.host + " " + entry.connect.value_or("-") + " " +
                          entry.parent.value_or("-"));
    }
    return entries;
}

TEST_CASE("a verified address becomes the parent's connect, and every rank stays") {
    const std::string at = "tcp://10.244.1.4:8050";
    const Plan flat = good_plan(sample_settings(), sample_identity(3, 5));
    CHECK(hosts_of(flat, at) == Words{"fp-0 " + at + " -", "fp-[1-4] - -"});

    Settings settings = sample_settings();
    settings.topology = {TopologySpec::Kind::kary, 2};
    const Plan inner = good_plan(settings, sample_identity(5, 6));
    CHECK(hosts_of(inner, at) == Words{"fp-[0-1] - -", "fp-2 " + at + " -", "fp-[3-5] - -"});

    const Plan custom =
        good_plan(custom_settings({"fp-[2-3]=fp-1", "fp-4=fp-3"}), sample_identity(4, 5));
    CHECK(hosts_of(custom, at) ==
          Words{"fp-[0-1] - -", "fp-2 - fp-1", "fp-3 " + at + " fp-1", "fp-4 - fp-3"});
}

TEST_CASE("hosts with a suffix are pinned as ranges, however many they are") {
    for (const std::uint32_t size : {1000U, 25000U, 100000U}) {
        CAPTURE(size);
        Identity identity = sample_identity(0, size);
        identity.hosts = Hostlist();
        identity.hosts.append_range("fp-", 0, size - 1, 0, ".sub.example");
        identity = as_rank(identity, size - 1);
        Settings settings = sample_settings();
        settings.topology = {TopologySpec::Kind::kary, 2};
        const Plan plan = good_plan(settings, identity);
        const BrokerConfig pinned = broker_config(plan, "tcp://10.244.1.4:8050");
        REQUIRE(pinned.hosts.size() == 3);
        const auto parent = std::to_string(*plan.parent);
        CHECK(pinned.hosts[0].host ==
              "fp-[0-" + std::to_string(*plan.parent - 1) + "].sub.example");
        CHECK(pinned.hosts[1].host == "fp-" + parent + ".sub.example");
        auto before = encode_broker_toml(broker_config(plan), "");
        auto after = encode_broker_toml(pinned, "");
        REQUIRE(before);
        REQUIRE_MESSAGE(after, after.error());
        CHECK(after->size() < before->size() + 200);
        CHECK(check_broker_toml(*after, identity.hostname));
    }
}

TEST_CASE("a custom tree keeps ranges with a suffix") {
    Identity identity = sample_identity(0, 9);
    identity.hosts = Hostlist();
    identity.hosts.append_range("fp-", 0, 8, 0, ".sub");
    CHECK(hosts_of(good_plan(custom_settings({"fp-[2-8].sub=fp-1.sub"}), identity)) ==
          Words{"fp-[0-1].sub - -", "fp-[2-8].sub - fp-1.sub"});
}

TEST_CASE("a verified IPv6 address turns IPv6 on") {
    const Plan plan = good_plan(sample_settings(), sample_identity(1, 2));
    CHECK_FALSE(broker_config(plan, "tcp://10.244.1.4:8050").enable_ipv6);
    CHECK(broker_config(plan, "tcp://[fd00::4]:8050").enable_ipv6);
}

TEST_CASE("the lead of a kept cluster: dumps at its end, and restores only if asked to") {
    Settings settings = sample_settings();
    settings.archive = "/state/archive.tar";
    settings.supervise = true;
    const Plan plan = good_plan(settings, sample_identity(0, 2));
    CHECK(plan.archive == "/state/archive.tar");
    CHECK(has(broker_argv(plan), "-Scontent.dump=" + plan.layout.dump));
    CHECK_FALSE(has_prefix(broker_argv(plan), "-Scontent.restore"));

    const Words argv = broker_argv(plan, true);
    CHECK(argv.size() == broker_argv(plan).size() + 1);
    CHECK(has(argv, "-Scontent.restore=/state/archive.tar"));
    CHECK_FALSE(has(argv, "--"));
}

TEST_CASE("a follower has nothing to keep") {
    Settings settings = sample_settings();
    settings.archive = "/state/archive.tar";
    const Plan plan = good_plan(settings, sample_identity(1, 2));
    CHECK(plan.archive.empty());
    CHECK_FALSE(has_prefix(broker_argv(plan), "-Scontent"));
}

TEST_CASE("an archive that nobody would write is refused") {
    Settings settings = sample_settings();
    settings.archive = "/state/archive.tar";
    auto plan = plan_of(settings, sample_identity(0, 2));
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == ExitCode::settings);
    CHECK(plan.error().message().find("--supervise") != std::string::npos);
}

TEST_CASE("the lead has no parent to pin") {
    const Plan plan = good_plan(sample_settings(), sample_identity(0, 2));
    CHECK(hosts_of(plan, "tcp://10.244.1.4:8050") == hosts_of(plan));
}

TEST_CASE("the same input makes the same plan of launch") {
    const Settings settings = sample_settings();
    CHECK(broker_argv(good_plan(settings, sample_identity(3, 9))) ==
          broker_argv(good_plan(settings, sample_identity(3, 9))));
}

TEST_CASE("a view: Flux comes from it, and its libraries after what the pod has") {
    Settings settings = test::sample_settings();
    settings.view = "/opt/view";
    auto plan = make_plan(settings, test::sample_identity(1, 4), test::sample_bind(),
                          test::sample_node(2), "");
    REQUIRE(plan);
    CHECK(broker_argv(*plan).front() == "/opt/view/bin/flux");
    const std::vector<std::pair<std::string, std::string>> appended = {
        {"LD_LIBRARY_PATH", "/opt/view/lib"},
        {"FLUX_SHELL_RC_PATH", "/run/fluxpod/etc/flux/shell"}};
    CHECK(plan->launch.append_environment == appended);
    CHECK(plan->launch.set_environment.empty());
}

TEST_CASE("a flux command that is named is taken, with the libraries of the view") {
    Settings settings = test::sample_settings();
    settings.view = "/opt/view";
    settings.flux = "/usr/local/bin/flux";
    settings.origins["flux"] = "flag --flux";
    auto plan = make_plan(settings, test::sample_identity(1, 4), test::sample_bind(),
                          test::sample_node(2), "");
    REQUIRE(plan);
    CHECK(broker_argv(*plan).front() == "/usr/local/bin/flux");
    CHECK(plan->launch.append_environment.size() == 2);
}

}  // namespace
}  // namespace fluxpod
