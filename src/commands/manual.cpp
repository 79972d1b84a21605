// SPDX-License-Identifier: Apache-2.0
// The manual page: this file has the prose that no table holds, the rest comes from the tables.
#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "fluxpod/commands/help.hpp"
#include "fluxpod/settings/load.hpp"

namespace fluxpod {

namespace {

// groff_char(7), man(7): "-" alone is a hyphen that cannot be pasted into a shell, and a line that
// begins with "." or "'" is a request.
std::string escaped(std::string_view text) {
    std::string roff;
    for (char c : text) {
        const bool line_begins = roff.empty() || roff.back() == '\n';
        if (line_begins && (c == '.' || c == '\'')) roff += "\\&";
        if (c == '-') {
            roff += "\\-";
        } else if (c == '\\') {
            roff += "\\e";
        } else {
            roff += c;
        }
    }
    return roff;
}

std::string prose(std::string_view text) { return escaped(wrapped(text, 72, 0)) + "\n"; }

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string section(std::string_view title) { return fmt::format(".SH {}\n", title); }
std::string item(const std::string& head) { return ".TP\n" + head + "\n"; }
std::string paragraph(std::string_view text) { return ".PP\n" + prose(text); }

std::string literal(std::string_view lines) {
    return ".PP\n.RS 4\n.nf\n" + escaped(lines) + "\n.fi\n.RE\n";
}

std::string synopsis() {
    std::string text = section("SYNOPSIS");
    for (const auto& row : command_table()) {
        if (&row != command_table().data()) text += ".br\n";
        text += bold("fluxpod") + " " + bold(row.name) + " " + escaped(row.synopsis) + "\n";
    }
    return text;
}

std::string description() {
    return section("DESCRIPTION") +
           prose(
               "fluxpod is the first process of a container in which the Flux workload manager "
               "is to run. It finds out which member of the cluster it is, writes the "
               "configuration that a Flux broker needs, waits until the parent broker really "
               "answers, and then becomes the broker: nothing of fluxpod stays behind.") +
           paragraph(
               "A boot has seven stages, always in this order: settings, identity, "
               "topology, plan, files, gates, launch. Every pod of a cluster takes the same "
               "options; which rank it is comes from what its platform tells (Indexed Job, "
               "JobSet, LeaderWorkerSet, StatefulSet, MPIJob, Docker Compose) or from "
               "--index.") +
           paragraph(
               "A setting is taken from the first of these that names it: option, "
               "environment variable, config file, MiniCluster, built-in default. Options "
               "that may be given several times are not added up across them. An unknown "
               "option, variable or key is an error that names the nearest known one.");
}

std::string commands() {
    std::string text = section("COMMANDS");
    for (const auto& row : command_table()) {
        text += item(bold(row.name) + " " + escaped(row.synopsis));
        text += prose(fmt::format("{}. {}", row.purpose, row.description));
    }
    text += item(bold("--help") + ", " + bold("-h"));
    text += prose("List the commands; with a command, explain it.");
    text += item(bold("--version") + ", " + bold("-V"));
    return text + prose("Print the version.");
}

std::string options() {
    std::string text = section("OPTIONS");
    text += prose(
        "Durations D are numbers with ms, s, m, h or d, such as 1.5s; without a unit "
        "they are seconds (Flux RFC 23). Options are not abbreviated, and those that do "
        "not say otherwise may be given once.");
    for (const auto& row : option_table()) {
        text += item(bold(fmt::format("--{}", row.name)) +
                     (row.metavar.empty() ? "" : " " + italic(row.metavar)));
        std::string help = fmt::format("{}.", row.help);
        if (row.kind == OptionRow::Kind::repeated) help += " May be given several times.";
        if (!row.fallback.empty()) help += fmt::format(" The default is {}.", row.fallback);
        text += prose(fmt::format("{} For {}.", help, join(command_names(row.commands), ", ")));
    }
    return text;
}

std::string environment() {
    std::string text = section("ENVIRONMENT");
    text += prose(
        "Every option --some-name is also the variable FLUXPOD_SOME_NAME. One that is "
        "set to nothing counts as not set. A flag takes true or false, and an option "
        "that may be given several times takes its values between blanks. Variables "
        "that Kubernetes makes for a Service named fluxpod, such as "
        "FLUXPOD_SERVICE_HOST, are ignored.");
    std::vector<std::string> variables;
    for (const auto& row : option_table()) variables.push_back(variable_name(row.name));
    text += paragraph(fmt::format("They are {}.", join(variables, ", ")));
    text += paragraph(
        "These variables of the platforms tell the index, size and namespace: "
        "JOB_COMPLETION_INDEX (Indexed Job, JobSet), LWS_WORKER_INDEX, "
        "LWS_GROUP_SIZE and LWS_LEADER_ADDRESS (LeaderWorkerSet), K_MPI_JOB_ROLE "
        "(MPIJob), POD_NAMESPACE.");
    return text;
}

std::string files() {
    constexpr auto below_root = std::to_array<std::pair<std::string_view, std::string_view>>({
        {"/run/fluxpod/etc/flux/config/broker.toml", "Flux's configuration."},
        {"/run/fluxpod/etc/flux/system/R", "The resource set (Flux RFC 20)."},
        {"/run/fluxpod/etc/flux/system/hostlist", "The hosts in the order of their ranks."},
        {"/run/fluxpod/curve/curve.cert", "This pod's private copy of the certificate."},
        {"/run/fluxpod/run/flux", "The broker's run directory, with its socket."},
        {"/run/fluxpod/var/lib/flux", "The broker's state directory."},
    });
    std::string text = section("FILES");
    text += item(italic(default_config_file));
    text += prose(
        "Lines of the form name = value, where a name is an option's without the "
        "dashes; # begins a comment.");
    for (const auto& [path, meaning] : below_root) text += item(italic(path)) + prose(meaning);
    text += item(italic("/dev/termination-log"));
    return text + prose("The last error, where Kubernetes provides the file.");
}

std::string exit_status() {
    std::string text = section("EXIT STATUS");
    for (const auto& row : exit_table()) {
        text += item(bold(row.code)) + prose(fmt::format("{}.", row.meaning));
    }
    return text;
}

std::string examples() {
    return section("EXAMPLES") + prose("The entrypoint of every pod of an Indexed Job:") +
           literal(
               "fluxpod run --cluster-name sample --size 4 --service flux-service \\\n"
               "    --curve-secret /mnt/secret/key -- flux run -N4 hostname") +
           paragraph("See what rank 2 would do, without doing it:") +
           literal("fluxpod render --minicluster minicluster.yaml --index 2 --explain") +
           paragraph("Start a program when a file and a port are there:") +
           literal("fluxpod wait --timeout 1m file:/data/ready tcp:db:5432 -- ./program");
}

std::string see_also() {
    return section("SEE ALSO") +
           "\\fBflux\\fR(1), \\fBflux\\-broker\\fR(1), \\fBflux\\-keygen\\fR(1),\n"
           "\\fBflux\\-config\\-bootstrap\\fR(5), \\fBflux\\-config\\-tbon\\fR(5)\n";
}

}  // namespace

std::string man_page() {
    return ".\\\" SPDX-License-Identifier: Apache-2.0\n"
           ".\\\" Made by \"fluxpod help --man\"; edit the tables instead.\n"
           ".TH FLUXPOD 1 \"2026-01-01\" \"fluxpod " FLUXPOD_VERSION "\" \"User Commands\"\n" +
           section("NAME") + "fluxpod \\- boot the Flux workload manager in a pod\n" + synopsis() +
           description() + commands() + options() + environment() + files() + exit_status() +
           examples() + see_also();
}

}  // namespace fluxpod
