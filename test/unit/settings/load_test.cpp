// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/load.hpp"

#include <doctest/doctest.h>

#include "temp_dir.hpp"

namespace fluxpod {

namespace {

using Words = std::vector<std::string>;

// Settings from words, variables and a config file; the machine's own config file plays no part.
struct Desk {
    test::TempDir dir;
    std::string config = dir.write("fluxpod.conf", "");

    [[nodiscard]] Result<Settings> load(const Words& words, Words entries = {},
                                        unsigned command = used_by::run) const {
        auto line = read_command_line(words, command);
        if (!line) return fail(line.error());
        entries.push_back("FLUXPOD_CONFIG=" + config);
        const Environment environment(std::move(entries));
        return load_settings(*line, environment, find_config(*line, environment));
    }
    [[nodiscard]] Settings loaded(const Words& words, const Words& entries = {},
                                  unsigned command = used_by::run) const {
        auto settings = load(words, entries, command);
        REQUIRE_MESSAGE(settings.has_value(), settings.error().message());
        return *settings;
    }
    [[nodiscard]] std::string refused(const Words& words, const Words& entries = {}) const {
        auto settings = load(words, entries);
        REQUIRE_FALSE(settings.has_value());
        CHECK(settings.error().code == ExitCode::settings);
        return settings.error().message();
    }
};

bool mentions(const std::string& text, std::string_view part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a flag beats a variable, which beats the config file, which beats the default") {
    Desk desk;
    desk.dir.write("fluxpod.conf", "size = 2\nport = 9000\ncluster-name = file\n");
    auto settings = desk.loaded({"--size", "4"}, {"FLUXPOD_SIZE=3", "FLUXPOD_PORT=9001"});
    CHECK(settings.size == 4);
    CHECK(settings.port == 9001);
    CHECK(settings.cluster_name == "file");
    CHECK(settings.connect_timeout == std::chrono::seconds(5));
    CHECK(settings.origin_of("size") == "flag --size");
    CHECK(settings.origin_of("port") == "FLUXPOD_PORT");
    CHECK(settings.origin_of("cluster-name") == "line 3 of " + desk.config);
    CHECK(settings.origin_of("connect-timeout") == "default");
}

TEST_CASE("the config file that a flag names beats the one that a variable names") {
    const Desk desk;
    auto other = desk.dir.write("other.conf", "size = 7\n");
    CHECK(desk.loaded({"--config", other}).size == 7);
}

TEST_CASE("a config file that is named must be there") {
    const Desk desk;
    CHECK(mentions(desk.refused({"--config", desk.dir / "none"}), "No such file"));
}

TEST_CASE("a repeatable option is taken from one source whole") {
    Desk desk;
    desk.dir.write("fluxpod.conf", "broker-option = a=1\nbroker-option = b=2\n");
    CHECK(desk.loaded({}).broker_options == Words{"a=1", "b=2"});
    CHECK(desk.loaded({"--broker-option", "c=3"}).broker_options == Words{"c=3"});
}

TEST_CASE("a flag of the config file can be switched off by a variable") {
    Desk desk;
    desk.dir.write("fluxpod.conf", "quiet = true\n");
    CHECK(desk.loaded({}).quiet);
    CHECK_FALSE(desk.loaded({}, {"FLUXPOD_QUIET=false"}).quiet);
}

TEST_CASE("a wrong value is refused with its origin") {
    Desk desk;
    CHECK(mentions(desk.refused({}, {"FLUXPOD_SIZE=four"}), R"(size "four", set by FLUXPOD_SIZE)"));
    CHECK(mentions(desk.refused({"--port", "0"}), "set by flag --port: it is not a port number"));
    desk.dir.write("fluxpod.conf", "\n\nwait-until = never\n");
    CHECK(mentions(desk.refused({}), "line 3 of "));
    CHECK(mentions(desk.refused({}), "dns, tcp, curve"));
    CHECK(desk.loaded({"--wait-until", "tcp"}).wait_until == WaitUntil::tcp);
}

TEST_CASE("a wrong value never fills a screen or forges a line") {
    const Desk desk;
    auto message = desk.refused({"--size", std::string(100000, '\n')});
    CHECK(message.size() < 1000);
    CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("sizes must not decrease, and the message names both origins") {
    const Desk desk;
    auto message = desk.refused({"--min-size", "5"}, {"FLUXPOD_SIZE=4"});
    CHECK(mentions(message, "min-size 5, set by flag --min-size"));
    CHECK(mentions(message, "size 4, set by FLUXPOD_SIZE"));
    CHECK(mentions(desk.refused({"--size=4", "--max-size=3"}), "max-size 3"));
    CHECK(mentions(desk.refused({"--min-size=2"}), "size 1, set by default"));
    CHECK(desk.loaded({"--min-size=2", "--size=4", "--max-size=8"}).min_size == 2);
    CHECK(desk.loaded({"--size=4", "--min-size=4", "--max-size=4"}).max_size == 4);
}

TEST_CASE("with a host list the default size is not held against min-size") {
    const Desk desk;
    CHECK(desk.loaded({"--hosts=fp-[0-3]", "--min-size=2"}).min_size == 2);
    CHECK(mentions(desk.refused({"--hosts=fp-[0-3]", "--min-size=2", "--size=1"}), "min-size 2"));
    CHECK(
        mentions(desk.refused({"--hosts=fp-[0-3]", "--min-size=3", "--max-size=2"}), "more than"));
}

TEST_CASE("a custom topology and its parents come together or not at all") {
    const Desk desk;
    CHECK(mentions(desk.refused({"--topology", "custom"}), "no parent is given"));
    CHECK(mentions(desk.refused({"--parent", "fp-2=fp-1"}), "add --topology custom"));
    CHECK(desk.loaded({"--topology=custom", "--parent=fp-2=fp-1"}).parents == Words{"fp-2=fp-1"});
}

TEST_CASE("a certificate and a secret to derive it from exclude each other") {
    const Desk desk;
    auto message = desk.refused({"--curve-cert", "/c"}, {"FLUXPOD_CURVE_SECRET=/s"});
    CHECK(mentions(message, "set by flag --curve-cert"));
    CHECK(mentions(message, "set by FLUXPOD_CURVE_SECRET"));
}

TEST_CASE("operands and the command reach the settings as they are") {
    const Desk desk;
    auto settings = desk.loaded({"dns:a", "tcp:b:1", "--", "sh", "-c", "a b"}, {}, used_by::wait);
    CHECK(settings.operands == Words{"dns:a", "tcp:b:1"});
    CHECK(settings.command == Words{"sh", "-c", "a b"});
}

namespace {

constexpr const char* minicluster = R"(apiVersion: flux-framework.org/v1alpha2
kind: MiniCluster
metadata:
  name: sample
spec:
  size: 4
  containers:
    - image: example
      command: flux resource list
)";

}  // namespace

TEST_CASE("a MiniCluster has the lowest rank of all sources") {
    Desk desk;
    auto file = desk.dir.write("mini.yaml", minicluster);
    auto settings = desk.loaded({"--minicluster", file});
    CHECK(settings.size == 4);
    CHECK(settings.cluster_name == "sample");
    CHECK(mentions(settings.origin_of("size"), "mini.yaml"));
    desk.dir.write("fluxpod.conf", "size = 3\nminicluster = " + file + "\n");
    CHECK(desk.loaded({}).size == 3);
    CHECK(desk.loaded({}).cluster_name == "sample");
}

TEST_CASE("a MiniCluster's command: run only if the command line has none") {
    const Desk desk;
    auto file = desk.dir.write("mini.yaml", minicluster);
    CHECK_FALSE(desk.loaded({"--minicluster", file}).command.empty());
    CHECK(desk.loaded({"--minicluster", file, "--", "date"}).command == Words{"date"});
}

TEST_CASE("wait and keygen leave the pod's MiniCluster alone") {
    const Desk desk;
    auto file = desk.dir.write("mini.yaml", minicluster);
    auto settings = desk.loaded({"dns:a"}, {"FLUXPOD_MINICLUSTER=" + file}, used_by::wait);
    CHECK(settings.command.empty());
    CHECK(settings.size == 1);
    CHECK(desk.loaded({}, {"FLUXPOD_MINICLUSTER=/nowhere"}, used_by::keygen).command.empty());
}

TEST_CASE("wrong settings: the place for errors is known all the same") {
    Desk desk;
    desk.dir.write("fluxpod.conf", "log-level = debug\n");
    const Environment environment({"FLUXPOD_NONSENSE=1", "FLUXPOD_CONFIG=" + desk.config,
                                   "FLUXPOD_LOG_FORMAT=json", "FLUXPOD_QUIET=perhaps"});
    CommandLine line;
    line.assignments.push_back({"termination-log", "/tmp/last", "flag --termination-log"});
    line.assignments.push_back({"size", "0", "flag --size"});
    const auto config = find_config(line, environment);
    CHECK_FALSE(load_settings(line, environment, config).has_value());
    auto outlets = load_outlets(line, environment, config);
    CHECK(outlets.log_format == LogFormat::json);
    CHECK(outlets.log_level == LogLevel::debug);
    CHECK(outlets.termination_log == "/tmp/last");
    CHECK_FALSE(outlets.quiet);
}

TEST_CASE("a size that beats the MiniCluster's: the job asks for that many nodes") {
    Desk desk;
    const auto file = desk.dir.write("mini.yaml",
                                     "apiVersion: flux-framework.org/v1alpha2\nkind: MiniCluster\n"
                                     "metadata: {name: fp}\nspec:\n  size: 2\n  tasks: 8\n"
                                     "  containers: [{image: x, command: app}]\n");
    const Words words{"--minicluster", file};
    const Words submit{"flux", "submit", "-N2", "-n8", "--quiet", "--watch", "app"};
    CHECK(desk.loaded(words).command == submit);
    CHECK(desk.loaded({"--size", "8", "--minicluster", file}).command[2] == "-N8");
    CHECK(desk.loaded(words, {"FLUXPOD_SIZE=4"}).command[2] == "-N4");
    desk.dir.write("fluxpod.conf", "size = 3\n");
    CHECK(desk.loaded(words).command[2] == "-N3");
}

TEST_CASE("a cluster name that beats the MiniCluster's: the service follows it") {
    Desk desk;
    const auto file = desk.dir.write("mini.yaml",
                                     "apiVersion: flux-framework.org/v1alpha2\nkind: MiniCluster\n"
                                     "metadata: {name: fp}\nspec: {containers: [{image: x}]}\n");
    CHECK(desk.loaded({"--minicluster", file}).service == "fp");
    CHECK(desk.loaded({"--minicluster", file, "--cluster-name", "other"}).service == "other");
}

}  // namespace fluxpod
