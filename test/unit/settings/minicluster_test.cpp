// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/minicluster.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "temp_dir.hpp"

using fluxpod::read_minicluster;
using Words = std::vector<std::string>;

namespace {

// A MiniCluster with lines below spec and below its only container.
std::string document(const std::string& spec, const std::string& container = "") {
    return "apiVersion: flux-framework.org/v1alpha2\nkind: MiniCluster\n"
           "metadata:\n  name: fp\nspec:\n" +
           spec + "  containers:\n  - image: rockylinux:9\n" + container;
}

fluxpod::Result<fluxpod::MiniCluster> read(const std::string& text, const std::string& name = "",
                                           std::optional<std::uint32_t> size = {}) {
    fluxpod::test::TempDir dir;
    return read_minicluster(dir.write("mini.yaml", text),
                            {.container = name, .cluster_name = {}, .size = size, .quiet = {}});
}

std::map<std::string, std::string> settings_of(const std::string& text) {
    std::map<std::string, std::string> settings;
    auto cluster = read(text);
    REQUIRE_MESSAGE(cluster, cluster.error().message());
    for (const auto& each : cluster->assignments) settings[each.option] = each.value;
    return settings;
}

Words command_of(const std::string& text, std::optional<std::uint32_t> size = {}) {
    auto cluster = read(text, "", size);
    REQUIRE_MESSAGE(cluster, cluster.error().message());
    return cluster->command;
}

std::string fault_of(const std::string& text, const std::string& name = "") {
    auto cluster = read(text, name);
    if (cluster) return "no fault";
    CHECK(cluster.error().code == fluxpod::ExitCode::settings);
    return cluster.error().message();
}

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the least MiniCluster is one pod with the service of its own name") {
    const std::map<std::string, std::string> expected{
        {"cluster-name", "fp"}, {"service", "fp"}, {"size", "1"}};
    CHECK(settings_of(document("")) == expected);
    CHECK(command_of(document("")).empty());
}

TEST_CASE("every field that is a setting becomes one") {
    const std::map<std::string, std::string> expected{
        {"cluster-name", "fp"},
        {"namespace", "ns"},
        {"service", "head"},
        {"size", "4"},
        {"min-size", "2"},
        {"max-size", "8"},
        {"topology", "kary:2"},
        {"connect-timeout", "7s"},
        {"broker-log-level", "7"},
        {"queue-policy", "easy"},
        {"broker-option", "tbon.zmqdebug=1"},
    };
    std::string text = document(
        "  size: 4\n  minSize: 2\n  maxSize: 8\n  network: {headlessName: head}\n"
        "  logging: {zeromq: true}\n"
        "  flux: {topology: 'kary:2', connectTimeout: 7s, logLevel: 7, scheduler: {queuePolicy: "
        "easy}}\n");
    text.replace(text.find("  name: fp\n"), 11, "  name: fp\n  namespace: ns\n");
    CHECK(settings_of(text) == expected);
}

TEST_CASE("an assignment remembers field and file") {
    fluxpod::test::TempDir dir;
    const std::string path = dir.write("mini.yaml", document("  size: 4\n"));
    auto cluster = read_minicluster(path);
    REQUIRE(cluster);
    auto size = std::ranges::find(cluster->assignments, "size", &fluxpod::Assignment::option);
    REQUIRE(size != cluster->assignments.end());
    CHECK(size->origin == "spec.size of " + path);
}

TEST_CASE("zero and empty are as good as absent, as Kubernetes has it") {
    CHECK(settings_of(document("  maxSize: 0\n  minSize: 0\n  flux: {logLevel: 0, topology: ''}\n"))
              .size() == 3);
    CHECK(settings_of(document("  maxSize:\n  flux:\n  logging: ~\n")).size() == 3);
}

TEST_CASE("quiet also silences the broker's log") {
    auto settings = settings_of(document("  logging: {quiet: true}\n  flux: {logLevel: 7}\n"));
    CHECK(settings.at("quiet") == "true");
    CHECK(settings.at("broker-log-level") == "0");
}

TEST_CASE("with a minimal service all pods hang under the lead, whose name alone resolves") {
    CHECK(settings_of(document("  flux: {minimalService: true}\n")).at("topology") == "flat");
    CHECK(settings_of(document("  flux: {minimalService: true, topology: binomial}\n"))
              .at("topology") == "binomial");
    CHECK(settings_of(document("  flux: {minimalService: false}\n")).count("topology") == 0);
}

TEST_CASE("a command is submitted with the nodes and tasks that the operator asks for") {
    auto command = [](const std::string& spec) {
        return command_of(document(spec, "    command: hostname -f\n"));
    };
    CHECK(command("  size: 4\n") ==
          Words{"flux", "submit", "-n1", "--quiet", "--watch", "hostname", "-f"});
    CHECK(command("  size: 4\n  tasks: 0\n") ==
          Words{"flux", "submit", "-N4", "--quiet", "--watch", "hostname", "-f"});
    CHECK(command("  size: 4\n  tasks: 3\n") ==
          Words{"flux", "submit", "-n3", "--quiet", "--watch", "hostname", "-f"});
    CHECK(command("  size: 4\n  tasks: 4\n") ==
          Words{"flux", "submit", "-N4", "-n4", "--quiet", "--watch", "hostname", "-f"});
    CHECK(command("") ==
          Words{"flux", "submit", "-N1", "-n1", "--quiet", "--watch", "hostname", "-f"});
}

TEST_CASE("a size from a stronger source is the one that the job asks for") {
    const std::string text = document("  size: 4\n  tasks: 4\n", "    command: hostname\n");
    CHECK(command_of(text, 2) ==
          Words{"flux", "submit", "-N2", "-n4", "--quiet", "--watch", "hostname"});
    CHECK(command_of(text, 8) == Words{"flux", "submit", "-n4", "--quiet", "--watch", "hostname"});
}

TEST_CASE("option flags and debug go into the submission") {
    CHECK(command_of(document("  flux: {optionFlags: ' -ompi=openmpi@5  -c 2 '}\n"
                              "  logging: {debug: true}\n",
                              "    command: a\n")) == Words{"flux", "submit", "-N1", "-n1",
                                                            "-ompi=openmpi@5", "-c", "2", "-vvv",
                                                            "--quiet", "--watch", "a"});
    CHECK(mentions(fault_of(document("  flux: {optionFlags: \"-o 'a b'\"}\n", "    command: a\n")),
                   "line 6, column 23: spec.flux.optionFlags has a character"));
}

TEST_CASE("a launcher runs its command itself") {
    CHECK(command_of(
              document("  size: 2\n", "    command: snakemake --flux\n    launcher: true\n")) ==
          Words{"snakemake", "--flux"});
}

TEST_CASE("a command is left to a shell only if it needs one") {
    auto words = [](const std::string& command) {
        return command_of(
            document("", "    launcher: true\n    command: |\n      " + command + "\n"));
    };
    CHECK(words("  lmp -v x 2\t--a=b,c:d@e%f+g{h}  ") ==
          Words{"lmp", "-v", "x", "2", "--a=b,c:d@e%f+g{h}"});
    for (const std::string command :
         {"a && b", "a; b", "a | b", "echo $HOME", "echo `id`", "echo \"a b\"", "echo 'a b'",
          "ls *.txt", "ls ?", "ls [ab]", "a > b", "a < b", "(a)", "a\\ b", "ls ~", "a # b", "X=1 a",
          "! a"}) {
        CAPTURE(command);
        CHECK(words(command) == Words{"sh", "-c", command});
    }
}

TEST_CASE("a command of several lines is left to a shell, byte for byte") {
    CHECK(command_of(document("", "    launcher: true\n    command: |\n      a 'b'\n      c\n")) ==
          Words{"sh", "-c", "a 'b'\nc"});
}

TEST_CASE("an interactive cluster has no command, and says so if one is given") {
    auto cluster = read(document("  interactive: true\n", "    command: sleep infinity\n"));
    REQUIRE(cluster);
    CHECK(cluster->command.empty());
    REQUIRE(cluster->warnings.size() == 1);
    CHECK(mentions(cluster->warnings.front(), "spec.containers[0].command"));
    CHECK(read(document("  interactive: true\n"))->warnings.empty());
    CHECK(command_of(document("", "    command: '  '\n")).empty());
}

TEST_CASE("several MiniClusters: the one that is called like the cluster, or none") {
    const std::string first = document("  size: 3\n");
    std::string second = document("  size: 4\n");
    second.replace(second.find("  name: fp\n"), 11, "  name: other\n");
    fluxpod::test::TempDir dir;
    const std::string path = dir.write("mini.yaml", first + "---\n" + second);
    const auto size_of = [&](const std::string& name) -> std::string {
        auto cluster = read_minicluster(
            path, {.container = {}, .cluster_name = name, .size = {}, .quiet = {}});
        if (!cluster) return cluster.error().message();
        auto size = std::ranges::find(cluster->assignments, "size", &fluxpod::Assignment::option);
        return size->value;
    };
    CHECK(size_of("fp") == "3");
    CHECK(size_of("other") == "4");
    CHECK(mentions(size_of(""), "it has 2 MiniClusters: fp, other"));
    CHECK(mentions(size_of("third"), "--cluster-name"));
    dir.write("mini.yaml", first + "---\n" + first);
    CHECK(mentions(size_of("fp"), "fp, fp"));
}

TEST_CASE("quiet that a stronger source denies: the broker's log stays as it is") {
    fluxpod::test::TempDir dir;
    const std::string path =
        dir.write("mini.yaml", document("  logging: {quiet: true}\n  flux: {logLevel: 7}\n"));
    auto cluster =
        read_minicluster(path, {.container = {}, .cluster_name = {}, .size = {}, .quiet = "false"});
    REQUIRE(cluster);
    auto level =
        std::ranges::find(cluster->assignments, "broker-log-level", &fluxpod::Assignment::option);
    CHECK(level->value == "7");
}

TEST_CASE("a MiniCluster among other documents: the only one is read") {
    CHECK(settings_of("kind: Namespace\n---\n- list\n---\n" + document("  size: 3\n")).at("size") ==
          "3");
    CHECK(mentions(fault_of("kind: Job\n"), "no document of kind MiniCluster"));
    CHECK(mentions(fault_of(""), "no document of kind MiniCluster"));
}

TEST_CASE("another version of the API is refused") {
    std::string text = document("");
    text.replace(text.find("v1alpha2"), 8, "v1alpha1");
    CHECK(mentions(fault_of(text),
                   "line 1, column 13: apiVersion is not flux-framework.org/v1alpha2"));
    CHECK(mentions(fault_of("kind: MiniCluster\nspec: {}\n"), "apiVersion"));
}

TEST_CASE("of several containers the one that runs Flux is read") {
    const std::string text = document(
        "", "    name: a\n    command: a\n  - name: b\n    runFlux: true\n    command: b\n");
    CHECK(command_of(text).back() == "b");
    CHECK(read(text, "a")->command.back() == "a");
    CHECK(mentions(fault_of(text, "c"), "0 containers have the name c"));
    CHECK(mentions(fault_of(document("", "    name: a\n  - name: b\n")),
                   "0 of 2 containers have runFlux; name the one that runs Flux with --container"));
    CHECK(mentions(fault_of(document("", "    runFlux: true\n  - runFlux: true\n")), "2 of 2"));
    CHECK(fault_of(document("", "    runFlux: false\n")) == "no fault");
    CHECK(mentions(fault_of("apiVersion: flux-framework.org/v1alpha2\nkind: MiniCluster\n"
                            "metadata: {name: fp}\nspec: {containers: []}\n"),
                   "no container"));
}

TEST_CASE("fields of other containers are not this one's business") {
    CHECK(fault_of(document("", "    runFlux: true\n  - name: b\n    commands: {pre: x}\n")) ==
          "no fault");
}

TEST_CASE("what would change the boot and is not supported is refused by name and place") {
    for (const auto& [spec, field] : std::map<std::string, std::string>{
             {"  flux: {brokerConfig: '[a]'}\n", "spec.flux.brokerConfig"},
             {"  flux: {bursting: {clusters: [{size: 1}]}}\n", "spec.flux.bursting"},
             {"  flux: {bursting: {leadBroker: {address: a}}}\n", "spec.flux.bursting"},
             {"  flux: {curveCert: x}\n", "spec.flux.curveCert"},
             {"  flux: {disableSocket: true}\n", "spec.flux.disableSocket"},
             {"  flux: {scheduler: {simple: true}}\n", "spec.flux.scheduler.simple"},
             {"  flux: {submitCommand: flux run}\n", "spec.flux.submitCommand"},
             {"  flux: {wrap: strace}\n", "spec.flux.wrap"}}) {
        const std::string fault = fault_of(document(spec));
        INFO(fault);
        CHECK(mentions(fault, "line 6, column "));
        CHECK(mentions(fault, field + " is not supported; "));
    }
    for (const char* hook : {"pre", "post", "init", "brokerPre", "workerPre", "prefix", "script"}) {
        CHECK(mentions(fault_of(document("", std::string("    commands: {") + hook + ": x}\n")),
                       std::string("spec.containers[0].commands.") + hook + " is not supported; "));
    }
    CHECK(mentions(fault_of(document("", "    batch: true\n")), "containers[0].batch is not"));
}

TEST_CASE("an archive is kept by a supervisor") {
    auto settings = settings_of(document("  archive: {path: /state/archive.tar}\n"));
    CHECK(settings["archive"] == "/state/archive.tar");
    CHECK(settings["supervise"] == "true");
    CHECK_FALSE(settings_of(document("")).contains("supervise"));
}

TEST_CASE("what is refused may be there as long as it says nothing") {
    CHECK(fault_of(document(
              "  archive: {path: ''}\n  flux: {bursting: {clusters: [], hostlist: '', "
              "leadBroker: {port: 0}}, brokerConfig: '', disableSocket: false}\n",
              "    batch: false\n    commands: {pre: '', post:, script: ''}\n")) == "no fault");
}

TEST_CASE("fields of v1alpha1: ignored with a warning") {
    auto cluster =
        read(document("  users: [{name: x}]\n  volumes: {}\n  flux: {installRoot: /usr}\n",
                      "    cores: 2\n    preCommand: x\n"));
    REQUIRE(cluster);
    CHECK(cluster->warnings.size() == 5);
    CHECK(mentions(cluster->warnings.front(), "v1alpha1"));
}

TEST_CASE("fields without a meaning here: a warning only if they ask for something") {
    CHECK(read(document("  logging: {timed: true}\n  flux: {completeWorkers: true}\n"))
              ->warnings.size() == 2);
    CHECK(read(document("  logging: {timed: false}\n"))->warnings.empty());
}

TEST_CASE("fields that only the operator acts on: ignored") {
    CHECK(fault_of(document("  cleanup: true\n  pod: {labels: {a: b}}\n  services: [{name: x}]\n"
                            "  flux: {container: {image: x, disable: true}, environment: {A: b}}\n",
                            "    resources: {limits: {cpu: 2}}\n    volumes: {v: {path: /v}}\n"
                            "    securityContext: {addCapabilities: [x]}\n")) == "no fault");
}

TEST_CASE("an unknown field is refused with the nearest known name") {
    CHECK(mentions(fault_of(document("  sise: 4\n")),
                   "line 6, column 3: spec.sise is not a field of a MiniCluster; is size meant?"));
    CHECK(mentions(fault_of(document("", "    comand: x\n")), "spec.containers[0].comand"));
    CHECK(mentions(fault_of(document("  logging: {loud: true}\n")), "it has debug, quiet"));
}

TEST_CASE("values of another type are refused with their place") {
    for (const char* spec :
         {"  size: four\n", "  size: '4'\n", "  size: -1\n", "  size: 4.0\n", "  size: 010\n",
          "  size: [4]\n", "  size: 99999999999\n", "  size: 0x4\n", "  size: +4\n"}) {
        CAPTURE(spec);
        CHECK(mentions(fault_of(document(spec)),
                       "line 6, column 9: spec.size is not a number from 0"));
    }
    CHECK(mentions(fault_of(document("  interactive: 'true'\n")), "neither true nor false"));
    CHECK(mentions(fault_of(document("  interactive: maybe\n")), "neither true nor false"));
    CHECK(mentions(fault_of(document("  flux: text\n")), "spec.flux is not a map"));
    CHECK(mentions(fault_of(document("  flux: {topology: [a]}\n")), "topology is not a string"));
    CHECK(mentions(fault_of(document("  logging: []\n")), "spec.logging is not a map"));
    CHECK(mentions(fault_of(document("", "    command: [a]\n")), "command is not a string"));
    CHECK(mentions(fault_of(document("", "    commands: x\n")), "commands is not a map"));
    CHECK(mentions(fault_of(document("", "  - text\n")), "spec.containers[1] is not a map"));
    std::string text = document("");
    text.replace(text.find("  name: fp\n"), 11, "  name: \n");
    CHECK(mentions(fault_of(text), "metadata.name is missing"));
}

TEST_CASE("a file that is absent or no YAML is error 10 with its path") {
    auto absent = read_minicluster("/nonexistent/mini.yaml");
    REQUIRE_FALSE(absent);
    CHECK(absent.error().code == fluxpod::ExitCode::settings);
    CHECK(mentions(absent.error().message(), "/nonexistent/mini.yaml"));
    CHECK(mentions(fault_of("a: [\n"), "line 2, column 1"));
    CHECK(mentions(fault_of(document("  size: 1\n  size: 2\n")), "the key size is there twice"));
}
