// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "explain_words.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/plan/broker.hpp"
#include "fluxpod/plan/explain.hpp"

namespace fluxpod {

namespace {

// One screen must hold it all, also a host list that has no pattern.
std::string shortened(std::string text) {
    constexpr std::size_t most = 240;
    if (text.size() <= most) return text;
    return text.substr(0, most) + "...";
}

// "VALUE (from ORIGIN)", or without the bracket where it is the default.
std::string from(const Settings& settings, const std::string& option, std::string value) {
    if (!settings.origins.contains(option)) return value;
    return std::move(value) + " (" + settings.origin_of(option) + ")";
}

class Screen {
  public:
    void line(std::string_view name, const std::string& value) {
        text_ += fmt::format("{:<13}{}\n", name, printable(value));
    }
    [[nodiscard]] std::string text() && { return std::move(text_); }

  private:
    std::string text_;
};

void explain_pod(const Plan& plan, const Settings& settings, Screen& screen) {
    const Identity& identity = plan.identity;
    screen.line("pod", fmt::format("{}, rank {}, {} (index from {}; {})", identity.hostname,
                                   identity.rank, identity.is_lead() ? "the lead" : "a follower",
                                   identity.index_origin, identity.platform));
    screen.line("address", identity.address_of(identity.rank));
    screen.line("size", fmt::format("{}, min-size {}, max-size {}",
                                    from(settings, "size", std::to_string(identity.size)),
                                    from(settings, "min-size", std::to_string(identity.min_size)),
                                    from(settings, "max-size", std::to_string(identity.max_size))));
    screen.line("hosts", shortened(identity.hosts.encode()));
}

void explain_tree(const Plan& plan, const Settings& settings, Screen& screen) {
    screen.line("tree", from(settings, "topology", plan.tree.spec().flux_spelling()));
    screen.line("parent", plan.parent ? fmt::format("rank {}, {}", *plan.parent,
                                                    plan.identity.address_of(*plan.parent))
                                      : "none, this is the lead");
    screen.line("children", plan.children.empty()
                                ? "none"
                                : fmt::format("{}, rank {}", plan.children.size(),
                                              shortened(children_of(plan).encode())));
}

void explain_overlay(const Plan& plan, const Settings& settings, Screen& screen) {
    screen.line("port", from(settings, "port", std::to_string(plan.broker.default_port)));
    screen.line("bind", plan.broker.default_bind + " (" + plan.bind.reason + ")");
    screen.line("connect", plan.broker.default_connect);
    switch (plan.certificate.source) {
        case CertPlan::Source::none:
            screen.line("certificate", "none: a single broker has nobody to talk to");
            break;
        case CertPlan::Source::file:
            screen.line("certificate",
                        "copied from " + from(settings, "curve-cert", plan.certificate.path));
            break;
        case CertPlan::Source::secret:
            screen.line("certificate",
                        "derived from " + from(settings, "curve-secret", plan.certificate.path));
            break;
    }
}

void explain_node(const Plan& plan, const Settings& settings, Screen& screen) {
    if (plan.node) {
        screen.line("node", fmt::format("{}: {}", name_of(plan.node->verdict), plan.node->reason));
    } else {
        screen.line("node", from(settings, "node-rule", "not judged"));
    }
    if (plan.node && plan.node->floats) {
        screen.line("cpu-affinity", "off for jobs that do not ask for it: the share floats");
    }
    if (!plan.resources)
        screen.line("resources", from(settings, "resources", "discovered by Flux"));
    if (!plan.resources) return;
    std::string_view name = "resources";
    for (const auto& entry : plan.resources->entries) {
        const std::string gpus = entry.gpus.empty() ? "" : ", GPUs " + entry.gpus.encode();
        screen.line(std::exchange(name, ""),
                    fmt::format("rank {} each with cores {}{}", shortened(entry.ranks.encode()),
                                entry.cores.encode(), gpus));
    }
}

void explain_files(const Plan& plan, const Settings& settings, Screen& screen) {
    explain_node(plan, settings, screen);
    if (!plan.archive.empty()) screen.line("archive", from(settings, "archive", plan.archive));
    if (!settings.broker_config.empty()) {
        screen.line("merged", from(settings, "broker-config", settings.broker_config));
    }
    for (const auto& [path, mode] : files_of(plan)) screen.line("file", octal(mode) + " " + path);
    // The others are the ways to what is listed.
    for (const auto& directory : plan.directories) {
        if (directory.must_be_ours) {
            screen.line("directory", octal(directory.mode) + " " + directory.path);
        }
    }
}

// The command to paste into a shell, in lines of a screen's width.
void explain_command(const std::vector<std::string>& argv, Screen& screen) {
    constexpr std::size_t most = 86;
    std::string line;
    std::string_view name = "launch";
    for (const auto& word : argv) {
        const std::string next = shell_quoted(word);
        if (!line.empty() && line.size() + 1 + next.size() > most) {
            screen.line(std::exchange(name, ""), line + " \\");
            line.clear();
        }
        line += (line.empty() ? "" : " ") + next;
    }
    screen.line(name, line);
}

void explain_launch(const Plan& plan, const Settings& settings, Screen& screen) {
    if (plan.gate) {
        const std::string until = std::string(name_of(plan.gate->until)) + " answers";
        screen.line("wait for", fmt::format("{} port {}", plan.gate->host, plan.gate->port));
        screen.line(
            "", fmt::format("until {}, for at most {}", from(settings, "wait-until", until),
                            from(settings, "wait-timeout", format_duration(plan.gate->timeout))));
    } else {
        screen.line("wait for", "nobody");
    }
    std::string_view name_of_notes = "scratch";
    for (const auto& note : plan.scratch) {
        screen.line(std::exchange(name_of_notes, ""), note.text);
    }
    for (const auto& [name, value] : plan.launch.set_environment) {
        screen.line("set", name + "=" + shell_quoted(value));
    }
    for (const auto& [name, value] : plan.launch.append_environment) {
        screen.line("append", name + "=" + shell_quoted(value));
    }
    explain_command(broker_argv(plan), screen);
}

}  // namespace

std::string explain_as_text(const Plan& plan, const Settings& settings) {
    Screen screen;
    explain_pod(plan, settings, screen);
    explain_tree(plan, settings, screen);
    explain_overlay(plan, settings, screen);
    explain_files(plan, settings, screen);
    explain_launch(plan, settings, screen);
    return std::move(screen).text();
}

}  // namespace fluxpod
