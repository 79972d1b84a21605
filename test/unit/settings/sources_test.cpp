// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/sources.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "fluxpod/base/text.hpp"
#include "temp_dir.hpp"

namespace fluxpod {

namespace {

using Words = std::vector<std::string>;

CommandLine accepted(const Words& words, unsigned command = used_by::run) {
    auto line = read_command_line(words, command);
    REQUIRE_MESSAGE(line.has_value(), line.error().message());
    return *line;
}

std::string refused(const Words& words, unsigned command = used_by::run) {
    auto line = read_command_line(words, command);
    REQUIRE_FALSE(line.has_value());
    CHECK(line.error().code == ExitCode::usage);
    return line.error().message();
}

std::vector<Assignment> variables(const Words& entries, unsigned command = used_by::run) {
    auto read = read_environment(Environment(entries), command);
    REQUIRE_MESSAGE(read.has_value(), read.error().message());
    return *read;
}

std::string refused_variables(const Words& entries) {
    auto read = read_environment(Environment(entries), used_by::run);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == ExitCode::settings);
    return read.error().message();
}

std::vector<Assignment> config(std::string_view text) {
    const test::TempDir dir;
    auto read = read_config_file(dir.write("fluxpod.conf", text));
    REQUIRE_MESSAGE(read.has_value(), read.error().message());
    return *read;
}

std::string refused_config(std::string_view text) {
    const test::TempDir dir;
    auto read = read_config_file(dir.write("fluxpod.conf", text));
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == ExitCode::settings);
    return read.error().message();
}

bool mentions(const std::string& text, std::string_view part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every option's name is new, lower case and survives the way to its variable") {
    std::set<std::string_view> names;
    for (const auto& row : option_table()) {
        CAPTURE(row.name);
        CHECK(names.insert(row.name).second);
        CHECK(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos);
        CHECK(find_option(row.name) == &row);
        CHECK((row.kind == OptionRow::Kind::flag) == row.metavar.empty());
        CHECK_FALSE(row.help.ends_with('.'));
        CHECK((row.commands & used_by::all) != 0);
        CHECK((row.commands & ~used_by::all) == 0);
    }
    CHECK(variable_name("wait-timeout") == "FLUXPOD_WAIT_TIMEOUT");
    CHECK(find_option("nothing") == nullptr);
}

TEST_CASE("every default that help shows, and every word of a choice, is accepted") {
    Settings settings;
    for (const auto& row : option_table()) {
        CAPTURE(row.name);
        if (!row.fallback.empty()) CHECK(row.store(settings, row.fallback).has_value());
        if (row.metavar.find('|') == std::string_view::npos) continue;
        if (row.name == "bind" || row.name == "topology") continue;
        for (const auto& word : split(row.metavar, '|')) {
            CHECK(row.store(settings, word).has_value());
            CHECK_FALSE(row.store(settings, word + "x").has_value());
        }
    }
}

TEST_CASE("CPUs are read as Kubernetes writes them") {
    const auto* row = find_option("cpu-request");
    auto read = [&](std::string_view text) {
        Settings settings;
        return row->store(settings, text) ? settings.cpu_request.value_or(-1) : -2;
    };
    CHECK(read("4") == 4);
    CHECK(read("1.5") == 1.5);
    CHECK(read("0.25") == 0.25);
    CHECK(read("1930m") == 1.93);
    CHECK(read("0") == 0);
    for (const char* wrong : {"", "m", "-1", "1.", ".5", "1.5m", "4 ", "4k", "1e3", "1.5.5",
                              "1.12345678901234567890", "99999999999"}) {
        CAPTURE(wrong);
        CHECK(read(wrong) == -2);
    }
}

TEST_CASE("the defaults that help shows are those of Settings") {
    Settings told;
    for (const auto& row : option_table()) {
        // The config file's default is not a setting: it is read only if it exists.
        if (!row.fallback.empty() && row.name != "config") (void)row.store(told, row.fallback);
    }
    const Settings real;
    CHECK(told.size == real.size);
    CHECK(told.port == real.port);
    CHECK(told.topology.flux_spelling() == real.topology.flux_spelling());
    CHECK(told.connect_timeout == real.connect_timeout);
    CHECK(told.tcp_user_timeout == real.tcp_user_timeout);
    CHECK(told.root == real.root);
    CHECK(told.node_rule == real.node_rule);
    CHECK(told.node_reserve == real.node_reserve);
    CHECK(told.flux == real.flux);
    CHECK(told.broker_log_level == real.broker_log_level);
    CHECK(told.resources == real.resources);
    CHECK(told.wait_timeout == real.wait_timeout);
    CHECK(told.wait_until == real.wait_until);
    CHECK(told.termination_log == real.termination_log);
    CHECK(told.log_level == real.log_level);
    CHECK(told.log_format == real.log_format);
    CHECK(told.format == real.format);
    CHECK(told.timeout == real.timeout);
}

TEST_CASE("values at their bounds are taken and values past them are refused") {
    Settings settings;
    auto takes = [&](std::string_view option, std::string_view value) {
        CAPTURE(option);
        CAPTURE(value);
        return find_option(option)->store(settings, value).has_value();
    };
    CHECK(takes("size", "1"));
    CHECK(takes("size", "1048576"));
    CHECK_FALSE(takes("size", "0"));
    CHECK_FALSE(takes("size", "1048577"));
    CHECK_FALSE(takes("size", "-1"));
    CHECK_FALSE(takes("size", "+1"));
    CHECK_FALSE(takes("size", " 1"));
    CHECK_FALSE(takes("size", "4294967297"));
    CHECK_FALSE(takes("size", "0x10"));
    CHECK(takes("index", "0"));
    CHECK(takes("index", "1048575"));
    CHECK_FALSE(takes("index", "1048576"));
    CHECK(takes("port", "65535"));
    CHECK_FALSE(takes("port", "0"));
    CHECK_FALSE(takes("port", "65536"));
    CHECK(takes("broker-log-level", "7"));
    CHECK_FALSE(takes("broker-log-level", "8"));
    CHECK(takes("wait-timeout", "1.5m"));
    CHECK_FALSE(takes("wait-timeout", "soon"));
    CHECK_FALSE(takes("root", "run/fluxpod"));
    CHECK_FALSE(takes("root", ""));
    CHECK_FALSE(takes("root", "/run/\n"));
    CHECK_FALSE(takes("hostname", "a b"));
    CHECK_FALSE(takes("hostname", "a\033[1m"));
    CHECK(takes("hosts", "fp-[0-3],login"));
    CHECK_FALSE(takes("hosts", "fp-[3-0]"));
    CHECK(takes("cluster-name", "a.b-c"));
    CHECK_FALSE(takes("cluster-name", "/bad"));
    CHECK(takes("broker-option", "tbon.prefertcp=1"));
    CHECK(takes("broker-option", "log-filename="));
    CHECK_FALSE(takes("broker-option", "=1"));
    CHECK_FALSE(takes("broker-option", "quorum"));
    CHECK_FALSE(takes("parent", "fp-1="));
    CHECK_FALSE(takes("parent", "=fp-1"));
    CHECK_FALSE(takes("quiet", "yes"));
    CHECK_FALSE(takes("quiet", ""));
}

TEST_CASE("a topology is spelled for Flux as Flux reads it") {
    Settings settings;
    auto spelled = [&](std::string_view value) -> std::string {
        auto stored = find_option("topology")->store(settings, value);
        return stored ? settings.topology.flux_spelling() : "refused";
    };
    CHECK(spelled("kary:2") == "kary:2");
    CHECK(spelled("kary:0") == "kary:0");
    CHECK(spelled("flat") == "kary:0");
    CHECK(spelled("mincrit") == "mincrit");
    CHECK(spelled("mincrit:4") == "mincrit:4");
    CHECK(spelled("binomial") == "binomial");
    CHECK(spelled("custom") == "custom");
    for (const auto* wrong : {"", "kary", "kary:", "kary:x", "kary:-1", "mincrit:", "mincrit:0",
                              "flat:1", "KARY:2", "kary:2:3", "binomial:", "tree"}) {
        CAPTURE(wrong);
        CHECK(spelled(wrong) == "refused");
    }
}

TEST_CASE("a value comes after its option as a word or after an equals sign") {
    auto line = accepted({"--size", "4", "--cluster-name=fp", "--quiet"});
    REQUIRE(line.assignments.size() == 3);
    CHECK(line.assignments[0].option == "size");
    CHECK(line.assignments[0].value == "4");
    CHECK(line.assignments[0].origin == "flag --size");
    CHECK(line.assignments[1].value == "fp");
    CHECK(line.assignments[2].value == "true");
}

TEST_CASE("what follows the two dashes is kept byte for byte") {
    auto line = accepted({"--size=2", "--", "sh", "-c", "", "--size", "--", "a b", "--help"});
    CHECK(line.command == Words{"sh", "-c", "", "--size", "--", "a b", "--help"});
    CHECK_FALSE(line.help);
    CHECK(accepted({"--"}).command.empty());
}

TEST_CASE("help is found beside other options, even wrong ones") {
    CHECK(accepted({"--help"}).help);
    CHECK(accepted({"--size", "4", "-h"}).help);
    CHECK(accepted({"--nonsense", "--help"}).help);
    CHECK(accepted({"stray", "--help"}).help);
}

TEST_CASE("an unknown option is refused with the nearest known one") {
    CHECK(mentions(refused({"--cluster-nam", "fp"}), "did you mean --cluster-name?"));
    CHECK(mentions(refused({"--siez=4"}), "did you mean --size?"));
    CHECK(mentions(refused({"--xyzzy"}), "see fluxpod help run"));
    CHECK(mentions(refused({"-size", "4"}), "did you mean --size?"));
    CHECK(mentions(refused({"-x"}), "cannot use the option -x"));
}

TEST_CASE("options are not abbreviated and do not change their case") {
    CHECK(mentions(refused({"--cluster", "fp"}), "there is no such option"));
    CHECK(mentions(refused({"--Size", "4"}), "there is no such option"));
}

TEST_CASE("an option of another command is refused with the commands that take it") {
    auto message = refused({"--size", "4"}, used_by::keygen);
    CHECK(mentions(message, "--size"));
    CHECK(mentions(message, "it is an option of run, render, preflight"));
}

TEST_CASE("a missing value is refused, also before another option") {
    CHECK(mentions(refused({"--size"}), "write --size N"));
    CHECK(mentions(refused({"--size", "--quiet"}), "it needs a value"));
    CHECK(mentions(refused({"--cluster-name", "--siez"}), "it needs a value"));
    CHECK(mentions(refused({"--size="}), "it needs a value"));
    CHECK(mentions(refused({"--size", "--", "4"}), "it needs a value"));
    CHECK(mentions(refused({"--quiet=true"}), "it takes no value"));
}

TEST_CASE("an option given twice is refused unless it may be repeated") {
    CHECK(mentions(refused({"--size=1", "--size=2"}), "given twice"));
    CHECK(mentions(refused({"--quiet", "--quiet"}), "given twice"));
    auto line = accepted({"--broker-option", "a=1", "--broker-option=b=2"});
    REQUIRE(line.assignments.size() == 2);
    CHECK(line.assignments[1].value == "b=2");
}

TEST_CASE("a stray word: refused if the command takes no operands, else kept") {
    CHECK(mentions(refused({"flux", "start"}), R"(put "--" before the command)"));
    CHECK(mentions(refused({""}), "options only"));
    CHECK(accepted({"tcp:db:5432", "--timeout", "1m", "dns:db"}, used_by::wait).operands ==
          Words{"tcp:db:5432", "dns:db"});
    CHECK(accepted({"-"}, used_by::keygen).operands == Words{"-"});
    CHECK(mentions(refused({"--", "ls"}, used_by::keygen), "runs no other command"));
}

TEST_CASE("hostile words end in an error and never in an escape sequence") {
    for (const std::string word : {"--", "---", "--=", "--=x", "---size=4", "--\n", "--a\033[31m",
                                   "--\xff\xfe", "=", "-", "--size\n=4"}) {
        CAPTURE(word);
        auto line = read_command_line({word, "--size"}, used_by::run);
        if (word == "--") continue;
        REQUIRE_FALSE(line.has_value());
        auto message = line.error().message();
        CHECK(message.find('\n') == std::string::npos);
        CHECK(message.find('\033') == std::string::npos);
    }
    CHECK(refused({std::string(200000, 'x')}).size() < 1000);
}

TEST_CASE("a variable names its option and an empty one counts as not set") {
    auto read = variables({"PATH=/bin", "FLUXPOD_SIZE=4", "FLUXPOD_CLUSTER_NAME=", "FLUXPODX=1",
                           "FLUXPOD_WAIT_TIMEOUT=1m", "FLUXPOD_NONSENSE="});
    REQUIRE(read.size() == 2);
    CHECK(read[0].option == "size");
    CHECK(read[0].value == "4");
    CHECK(read[0].origin == "FLUXPOD_SIZE");
    CHECK(read[1].option == "wait-timeout");
}

TEST_CASE("of two variables of one name the first counts") {
    auto read = variables({"FLUXPOD_SIZE=4", "FLUXPOD_SIZE=5"});
    REQUIRE(read.size() == 1);
    CHECK(read[0].value == "4");
}

TEST_CASE("a repeatable option's variable holds several values between blanks") {
    auto read = variables({"FLUXPOD_BROKER_OPTION= a=1  b=2 "});
    REQUIRE(read.size() == 2);
    CHECK(read[0].value == "a=1");
    CHECK(read[1].value == "b=2");
    CHECK(variables({"FLUXPOD_CLUSTER_NAME=a b"})[0].value == "a b");
}

TEST_CASE("an unknown variable is refused with the nearest known one") {
    CHECK(mentions(refused_variables({"FLUXPOD_SIEZ=4"}), "did you mean FLUXPOD_SIZE?"));
    CHECK(mentions(refused_variables({"FLUXPOD_Size=4"}), "did you mean FLUXPOD_SIZE?"));
    CHECK(mentions(refused_variables({"FLUXPOD_=4"}), "there is no such setting"));
    CHECK(mentions(refused_variables({"FLUXPOD_XYZZY=4"}), "fluxpod help run"));
}

TEST_CASE("variables that a platform makes for a Service called fluxpod: ignored") {
    CHECK(
        variables({"FLUXPOD_SERVICE_HOST=10.96.0.7", "FLUXPOD_SERVICE_PORT=8050",
                   "FLUXPOD_SERVICE_PORT_BROKER=8050", "FLUXPOD_PORT=tcp://10.96.0.7:8050",
                   "FLUXPOD_PORT_8050_TCP=tcp://10.96.0.7:8050", "FLUXPOD_PORT_8050_TCP_PROTO=tcp",
                   "FLUXPOD_PORT_8050_TCP_PORT=8050", "FLUXPOD_PORT_8050_TCP_ADDR=10.96.0.7",
                   "FLUXPOD_LEAD_SERVICE_HOST=10.96.0.8", "FLUXPOD_LEAD_PORT=udp://10.96.0.8:53",
                   "FLUXPOD_LEAD_PORT_53_UDP_ADDR=10.96.0.8", "FLUXPOD_NAME=/web/fluxpod",
                   "FLUXPOD_ENV_LANG=C"})
            .empty());
}

TEST_CASE("variables of a Service with PORT in its name: ignored") {
    CHECK(variables({"FLUXPOD_PORT_PORT_8050_TCP=tcp://10.0.0.1:8050",
                     "FLUXPOD_PORT_PORT_8050_TCP_PORT=8050",
                     "FLUXPOD_PORT_PORT_8050_TCP_ADDR=10.0.0.1", "FLUXPOD_PORT_SERVICE_PORT=8050",
                     "FLUXPOD_PORT_SERVICE_HOST=10.0.0.1", "FLUXPOD_PORT_PORT=tcp://10.0.0.1:8050",
                     "FLUXPOD_A_PORT_B_PORT_53_UDP_PROTO=udp"})
              .empty());
}

TEST_CASE("a container link to the name of a setting: ignored only if its alias is that name") {
    CHECK(variables({"FLUXPOD_CLUSTER_NAME=/web/fluxpod-cluster"}).empty());
    for (const char* value : {"/bad", "/web/other", "/fluxpod_cluster"}) {
        CAPTURE(value);
        auto read = variables({std::string("FLUXPOD_CLUSTER_NAME=") + value});
        REQUIRE(read.size() == 1);
        CHECK(read[0].value == value);
    }
}

TEST_CASE(
    "a variable that is not a setting: ignored by init and wait, whose programs are others'") {
    CHECK(variables({"FLUXPOD_VERSION=1"}, used_by::init).empty());
    CHECK(variables({"FLUXPOD_VERSION=1", "FLUXPOD_TIMEOUT=3s"}, used_by::wait).size() == 1);
    CHECK(mentions(refused_variables({"FLUXPOD_VERSION=1"}), "there is no such setting"));
}

TEST_CASE("80,000 lines of one option: as many assignments, in one pass") {
    std::string text;
    for (int i = 0; i < 80000; ++i) text += "parent=a=b\n";
    CHECK(config(text).size() == 80000);
}

TEST_CASE("settings whose variables look like a Service's are settings all the same") {
    auto read = variables({"FLUXPOD_PORT=8050", "FLUXPOD_SERVICE=flux-service", "FLUXPOD_NAME=me"});
    REQUIRE(read.size() == 3);
    CHECK(read[0].option == "port");
    CHECK(read[1].option == "service");
    CHECK(read[2].option == "name");
    CHECK(mentions(refused_variables({"FLUXPOD_PORT_8050=x"}), "FLUXPOD_PORT_8050"));
    CHECK(mentions(refused_variables({"FLUXPOD_PORT_X_TCP=x"}), "there is no such setting"));
}

TEST_CASE("a config file has names, values and comments, and each error names its line") {
    auto read = config(
        "# the cluster\n"
        "\n"
        "size = 4  # pods\r\n"
        "quiet=true\n"
        "broker-option = a=1\n"
        "broker-option = b=2\n"
        "\troot   =   /run/a b");
    REQUIRE(read.size() == 5);
    CHECK(read[0].option == "size");
    CHECK(read[0].value == "4");
    CHECK(read[0].origin.starts_with("line 3 of /"));
    CHECK(read[1].value == "true");
    CHECK(read[2].value == "a=1");
    CHECK(read[3].value == "b=2");
    CHECK(read[4].value == "/run/a b");
    CHECK(config("").empty());
}

TEST_CASE("a wrong line of a config file is refused with its number") {
    CHECK(mentions(refused_config("\nsize 4\n"), "line 2 of "));
    CHECK(mentions(refused_config("siez = 4\n"), "did you mean size?"));
    CHECK(mentions(refused_config("[cluster]\nsize = 4\n"), "has no sections"));
    CHECK(mentions(refused_config("size = 4\n\nsize = 5\n"), "first in line 1 of "));
    CHECK(mentions(refused_config("config = /other\n"), "cannot name another"));
    CHECK(mentions(refused_config("= 4\n"), "line 1 of "));
    CHECK(mentions(refused_config("FLUXPOD_SIZE = 4\n"), "there is no setting"));
    CHECK(mentions(refused_config("* = 4\n"), "there is no setting"));
    CHECK(refused_config(std::string(500000, 'x')).size() < 1000);
    CHECK(mentions(refused_config(std::string("si\0ze = 4\n", 10)), "si\\x00ze"));
}

TEST_CASE("a config file that cannot be read is refused by its path") {
    const test::TempDir dir;
    auto missing = read_config_file(dir / "missing");
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == ExitCode::settings);
    CHECK(mentions(missing.error().message(), "missing: No such file or directory"));
    CHECK_FALSE(read_config_file(dir.path()).has_value());
    CHECK_FALSE(read_config_file(dir.write("large", std::string(2U << 20U, '\n'))).has_value());
}

}  // namespace fluxpod
