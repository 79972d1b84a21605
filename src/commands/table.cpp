// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/commands/table.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/output.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/commands/help.hpp"
#include "fluxpod/process/signals.hpp"
#include "fluxpod/report/termination.hpp"
#include "fluxpod/settings/load.hpp"

namespace fluxpod {

namespace {

constexpr auto rows = std::to_array<CommandRow>({
    {"run", "[options] [-- COMMAND...]",
     "Boot this pod; the lead runs COMMAND as its initial program",
     "Finds out which rank this pod is, writes Flux's configuration below --root, waits until the "
     "parent broker answers, and becomes the Flux broker. Every decision is made and every file is "
     "written before it waits or starts anything. Without COMMAND, and "
     "without one in the MiniCluster, the cluster stays up until it is told to end.",
     used_by::run, run_command},
    {"init", "[options] -- COMMAND...", "Run COMMAND as the PID 1 of a container should",
     "Forwards every signal to COMMAND, reaps orphans, keeps the terminal usable, and ends with "
     "COMMAND's own exit status, or 128+N if signal N ended it. It needs nothing of Flux and "
     "nothing of the image. If it is not PID 1, it adopts the orphans of its descendants and does "
     "the same.",
     used_by::init, init_command},
    {"render", "[options] [-- COMMAND...]", "Write or print what run would write",
     "Makes the same decisions as run and prints the files, or writes them below --out; --explain "
     "prints the decisions instead. It sends nothing and starts nothing. With --index another "
     "pod's files are rendered, with --all those of every pod.",
     used_by::render, render_command},
    {"wait", "[options] TARGET... [-- COMMAND...]",
     "Wait until targets answer, then become COMMAND",
     "A TARGET is dns:NAME (the name resolves), tcp:HOST:PORT (the port accepts a connection), "
     "curve:HOST:PORT (a CURVE peer with our certificate answers), file:PATH (the file is there) "
     "or hosts:FILE[:PORT] (every host that FILE lists). All are waited for at once, within one "
     "--timeout.",
     used_by::wait, wait_command},
    {"preflight", "[options]", "Form the CURVE overlay without Flux and report who joined",
     "Takes run's options and does what run does, but instead of Flux's broker it stands up the "
     "overlay network itself from the rendered configuration: the lead prints which ranks joined, "
     "and when. A COMMAND after \"--\" is accepted and not run, so that run's arguments can be "
     "kept.",
     used_by::preflight, preflight_command},
    {"keygen", "[options] PATH", "Make a CURVE certificate, as flux-keygen writes it",
     "Writes a certificate to PATH with mode 0600, or to standard output where PATH is -. With "
     "--from-secret it is the one that every pod derives from that secret. A PATH that holds "
     "another certificate is left alone and is an error.",
     used_by::keygen, keygen_command},
    {"install", "[options] DIR", "Copy this program into a volume that other containers share",
     "For images that know nothing of fluxpod: an init container runs it, and the application's "
     "container executes DIR/fluxpod. The copy appears whole or not at all, is read back and "
     "compared, and is left alone where it is there already. With --view, a Flux installation is "
     "waited for and copied to DIR/view as well.",
     used_by::install, install_command},
    {"topology", "[options]", "Show what Flux would count of this node, and whether that is right",
     "Reports what hwloc sees, what the cgroups give, what Flux would count under --node-rule and "
     "the verdict with its reason, and draws the node with this pod's share marked. It starts "
     "nothing and refuses nothing.",
     used_by::topology, topology_command},
    {"timeline", "[options] REPORT...", "Draw the boot reports of a cluster",
     "Reads what run --report has written, of one pod or of many, and draws a row for each pod: "
     "fluxpod's own work, the wait for the parent, the broker. As text, or as SVG with --svg.",
     used_by::timeline, timeline_command},
    {"probe", "[options] startup|readiness|liveness", "Answer a Kubernetes exec probe",
     "Exits with 0 for yes and 1 for no, and prints one line that says why. startup: the broker "
     "was launched. readiness: the lead's broker has its quorum and runs, a follower's has joined. "
     "liveness: no, if the supervisor or the broker is there and does not answer in time.",
     used_by::probe, probe_command},
    {"help", "[COMMAND | --man | --completion bash|zsh|fish]",
     "Explain a command, print the manual page or a completion script",
     "Without arguments it lists the commands. --man prints the manual page fluxpod(1), "
     "--completion SHELL a script to source in that shell.",
     0, help_command},
});

int conclude(const Result<int>& result, const Settings& outlets) {
    if (result) return *result;
    const int code = report_error(result.error(), outlets);
    // A signal that asks for the end cuts a wait short, and the error is then of its making.
    const auto number = pending_boot_signal();
    return number ? exit_for_signal(*number) : code;
}

Result<int> run_row(const CommandRow& row, Result<CommandLine> line, Environment environment,
                    ConfigFile config, const sigset_t& inherited_mask) {
    if (!line) return fail(line.error());
    if (line->help) return print(command_help(row));
    Invocation invocation{.line = std::move(*line),
                          .environment = std::move(environment),
                          .config = std::move(config),
                          .inherited_mask = inherited_mask};
    return row.run(invocation);
}

int dispatch(const std::vector<std::string>& words, Environment environment,
             const sigset_t& inherited_mask) {
    if (words.empty()) {
        (void)std::fputs(overview().c_str(), stderr);
        return conclude(fail(usage_error("run a command", "", "missing COMMAND")), Settings{});
    }
    const std::string& name = words.front();
    if (name == "--help" || name == "-h") return conclude(print(overview()), Settings{});
    if (name == "--version" || name == "-V") {
        return conclude(print("fluxpod " FLUXPOD_VERSION "\n"), Settings{});
    }

    const CommandRow* row = find_command(name);
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    Result<CommandLine> line = CommandLine{};
    if (row == nullptr) {
        line = fail(no_such_command(name));
        row = rows.begin();
    } else if (row->option_bit == 0) {
        line->operands = rest;
    } else {
        line = read_command_line(rest, row->option_bit);
    }
    if (row->option_bit != used_by::init) narrow_to_boot_signals(inherited_mask);
    // An error may come before the settings are known, and may be about them.
    const CommandLine known = line ? *line : CommandLine{};
    ConfigFile config = find_config(known, environment);
    const Settings outlets = load_outlets(known, environment, config);
    log::configure(outlets.quiet ? LogLevel::warning : outlets.log_level, outlets.log_format);
    return conclude(
        run_row(*row, std::move(line), std::move(environment), std::move(config), inherited_mask),
        outlets);
}

}  // namespace

std::span<const CommandRow> command_table() { return rows; }

const CommandRow* find_command(std::string_view name) {
    const auto* row = std::ranges::find(rows, name, &CommandRow::name);
    return row == rows.end() ? nullptr : row;
}

std::vector<std::string> all_command_names() {
    std::vector<std::string> names;
    names.reserve(rows.size());
    for (const auto& row : rows) names.emplace_back(row.name);
    return names;
}

Error no_such_command(const std::string& word) {
    const std::string doing = "run the command";
    if (word.starts_with('-')) {
        return usage_error(doing, in_quotes(word), "it is an option",
                           "options come after the command, as in fluxpod run --size 4");
    }
    const auto names = all_command_names();
    const auto near = nearest(word, names);
    return usage_error(
        doing, in_quotes(word), "there is no such command",
        near ? "did you mean " + *near + "?" : "the commands are " + join(names, ", "));
}

int report_error(const Error& error, const Settings& outlets) {
    log::error("{}", error.message());
    write_termination_message(outlets.termination_log, error);
    return to_int(error.code);
}

namespace {

// Ends as a reader that has left ends any program. Returns for PID 1, which the kernel spares, and
// if this process was started with SIGPIPE ignored.
void die_of_broken_pipe() {
    const sigset_t pipe = only_signal(SIGPIPE);
    (void)::pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);  // it is pending
}

}  // namespace

Result<int> print(std::string_view text) {
    const auto no_signal = [] { return !pending_boot_signal().has_value(); };
    auto written = write_output(STDOUT_FILENO, text, no_signal);
    if (written) return 0;
    if (auto signal = pending_boot_signal()) return exit_for_signal(*signal);
    if (written.error().error_number == EPIPE) die_of_broken_pipe();
    return fail({.code = ExitCode::files,
                 .doing = "write to",
                 .subject = "standard output",
                 .cause = written.error().cause});
}

int run_fluxpod(const std::vector<std::string>& words, Environment environment,
                const sigset_t& inherited_mask) {
    try {
        return dispatch(words, std::move(environment), inherited_mask);
    } catch (const std::exception& error) {
        // Libraries' exceptions end at their edges; what is left is a lack of memory or threads.
        log::error("cannot go on: {}", error.what());
        return to_int(ExitCode::cannot_run);
    }
}

}  // namespace fluxpod
