// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/formats/hostlist.hpp"

namespace fluxpod {

namespace {

using Stored = OrCause<void>;
using Kind = OptionRow::Kind;

constexpr std::uint32_t max_hosts = Hostlist::max_in_range;

Stored refuse(std::string cause) { return tl::unexpected(std::move(cause)); }

bool is_control(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

// Names, addresses and lists: one word.
Stored check_word(std::string_view value) {
    if (value.empty()) return refuse("is empty");
    auto odd = [](char c) { return c == ' ' || is_control(c); };
    if (std::ranges::any_of(value, odd)) return refuse("holds a blank or a control character");
    return {};
}

// Checks the characters of host names; the place that makes a name checks the whole of it.
Stored check_name(std::string_view value) {
    if (auto word = check_word(value); !word) return word;
    if (!is_alphanumeric(value, "-._")) return refuse("holds a character that no name has");
    return {};
}

Stored check_path(std::string_view value) {
    if (value.empty()) return refuse("is empty");
    if (std::ranges::any_of(value, is_control)) return refuse("holds a control character");
    return {};
}

Stored check_absolute(std::string_view value) {
    if (auto path = check_path(value); !path) return path;
    if (value.front() != '/') return refuse("is not an absolute path");
    return {};
}

// A directory below it becomes a word of LD_LIBRARY_PATH.
Stored check_view(std::string_view value) {
    if (value.find(':') != std::string_view::npos) return refuse("holds a colon");
    return check_absolute(value);
}

Stored check_hosts(std::string_view value) {
    auto hosts = Hostlist::parse(value);
    if (!hosts) return refuse("is not a host list: " + hosts.error());
    if (hosts->empty()) return refuse("names no host");
    return {};
}

// LEFT=RIGHT with something on both sides; what RIGHT may be is the reader's business.
Stored check_pair(std::string_view value, std::string_view shape) {
    if (std::ranges::any_of(value, is_control)) return refuse("holds a control character");
    auto at = value.find('=');
    const bool whole = at != std::string_view::npos && at > 0;
    if (!whole) return refuse(fmt::format("is not of the form {}", shape));
    return {};
}

Stored check_parent(std::string_view value) {
    if (auto word = check_word(value); !word) return word;
    if (value.back() == '=') return refuse("names no parent");
    return check_pair(value, "CHILDREN=PARENT");
}

Stored check_resource_config(std::string_view value) {
    if (auto word = check_word(value); !word) return word;
    return check_pair(value, "HOSTS=cores:N");
}

Stored check_broker_option(std::string_view value) { return check_pair(value, "ATTR=VALUE"); }

template <auto Field, Stored (*Check)(std::string_view)>
Stored text(Settings& settings, std::string_view value) {
    if (auto checked = Check(value); !checked) return checked;
    settings.*Field = std::string(value);
    return {};
}

template <auto Field, Stored (*Check)(std::string_view)>
Stored appended(Settings& settings, std::string_view value) {
    if (auto checked = Check(value); !checked) return checked;
    (settings.*Field).emplace_back(value);
    return {};
}

template <auto Field, std::uint32_t least, std::uint32_t most>
Stored number(Settings& settings, std::string_view value) {
    auto parsed = parse_number<std::uint32_t>(value);
    if (!parsed || *parsed < least || *parsed > most) {
        return refuse(fmt::format("is not a number from {} to {}", least, most));
    }
    settings.*Field = *parsed;
    return {};
}

// CPUs as Kubernetes writes them: "4", "1.5", "1500m".
template <auto Field>
Stored cpu_quantity(Settings& settings, std::string_view value) {
    const bool milli = value.ends_with('m');
    const std::string_view digits = value.substr(0, value.size() - (milli ? 1 : 0));
    const auto point = digits.find('.');
    const auto whole = parse_number<std::uint32_t>(digits.substr(0, point));
    const std::string_view behind =
        point == std::string_view::npos ? "0" : digits.substr(point + 1);
    const auto fraction = parse_number<std::uint32_t>(behind);
    if (!whole || !fraction || (milli && point != std::string_view::npos)) {
        return refuse("is not a number of CPUs such as 4, 1.5 or 1500m");
    }
    const double cpus = *whole + *fraction / std::pow(10.0, static_cast<double>(behind.size()));
    settings.*Field = milli ? cpus / 1000 : cpus;
    return {};
}

Stored port(Settings& settings, std::string_view value) {
    auto parsed = parse_number<std::uint16_t>(value);
    if (!parsed || *parsed == 0) return refuse("is not a port number from 1 to 65535");
    settings.port = *parsed;
    return {};
}

template <auto Field>
Stored duration(Settings& settings, std::string_view value) {
    auto parsed = parse_duration(value);
    if (!parsed) return refuse(parsed.error());
    settings.*Field = *parsed;
    return {};
}

template <auto Field>
Stored flag(Settings& settings, std::string_view value) {
    if (value != "true" && value != "false") return refuse("is neither true nor false");
    settings.*Field = value == "true";
    return {};
}

// One of a few words; the row's metavar shows the same ones, which a test compares.
template <class T>
struct Choice {
    std::string_view word;
    T meaning;
};

template <auto Field, const auto& choices>
Stored choice(Settings& settings, std::string_view value) {
    std::string words;
    for (const auto& each : choices) {
        if (each.word == value) {
            settings.*Field = each.meaning;
            return {};
        }
        words += (words.empty() ? "" : ", ") + std::string(each.word);
    }
    return refuse("is none of " + words);
}

constexpr std::array wait_until_choices{Choice<WaitUntil>{"dns", WaitUntil::dns},
                                        Choice<WaitUntil>{"tcp", WaitUntil::tcp},
                                        Choice<WaitUntil>{"curve", WaitUntil::curve}};
constexpr std::array when_parent_leaves_choices{
    Choice<WhenParentLeaves>{"auto", WhenParentLeaves::automatic},
    Choice<WhenParentLeaves>{"rejoin", WhenParentLeaves::rejoin},
    Choice<WhenParentLeaves>{"complete", WhenParentLeaves::complete},
    Choice<WhenParentLeaves>{"fail", WhenParentLeaves::fail}};
constexpr std::array on_off_choices{Choice<bool>{"on", true}, Choice<bool>{"off", false}};
constexpr std::array resources_choices{Choice<ResourcesMode>{"render", ResourcesMode::render},
                                       Choice<ResourcesMode>{"discover", ResourcesMode::discover}};
constexpr std::array node_rule_choices{
    Choice<NodeRule>{"strict", NodeRule::strict}, Choice<NodeRule>{"share", NodeRule::share},
    Choice<NodeRule>{"warn", NodeRule::warn}, Choice<NodeRule>{"off", NodeRule::off}};
constexpr std::array format_choices{Choice<OutputFormat>{"text", OutputFormat::text},
                                    Choice<OutputFormat>{"json", OutputFormat::json}};
constexpr std::array log_level_choices{
    Choice<LogLevel>{"debug", LogLevel::debug}, Choice<LogLevel>{"info", LogLevel::info},
    Choice<LogLevel>{"warning", LogLevel::warning}, Choice<LogLevel>{"error", LogLevel::error}};
constexpr std::array log_format_choices{Choice<LogFormat>{"text", LogFormat::text},
                                        Choice<LogFormat>{"json", LogFormat::json}};
// Fluxion's own names, flux-config-sched-fluxion-qmanager(5).
constexpr std::array queue_policy_choices{
    Choice<const char*>{"fcfs", "fcfs"}, Choice<const char*>{"easy", "easy"},
    Choice<const char*>{"hybrid", "hybrid"}, Choice<const char*>{"conservative", "conservative"}};

Stored tree_shape(Settings& settings, std::string_view value) {
    using Shape = TopologySpec::Kind;
    auto at = value.find(':');
    const std::string_view kind = value.substr(0, at);
    const bool has_k = at != std::string_view::npos;

    if (kind == "kary" || (kind == "mincrit" && has_k)) {
        const std::uint32_t least = kind == "kary" ? 0 : 1;
        auto k = parse_number<std::uint32_t>(has_k ? value.substr(at + 1) : "");
        if (!k || *k < least || *k > max_hosts) {
            return refuse(
                fmt::format("needs a number from {} to {} after \"{}:\"", least, max_hosts, kind));
        }
        settings.topology = {kind == "kary" ? Shape::kary : Shape::mincrit, *k};
        return {};
    }
    constexpr std::array bare{
        Choice<Shape>{"mincrit", Shape::mincrit}, Choice<Shape>{"binomial", Shape::binomial},
        Choice<Shape>{"custom", Shape::custom}, Choice<Shape>{"flat", Shape::flat}};
    for (const auto& each : bare) {
        if (each.word == value) {
            settings.topology = {each.meaning, 0};
            return {};
        }
    }
    return refuse("is none of kary:K, mincrit, mincrit:K, binomial, custom, flat");
}

using S = Settings;
using namespace used_by;

constexpr auto cluster_rows = std::to_array<OptionRow>({
    {"cluster-name", "NAME", "", "The cluster's name, from which the host names are made", boot,
     Kind::value, text<&S::cluster_name, check_name>},
    {"size", "N", "1", "How many pods are expected now", boot, Kind::value,
     number<&S::size, 1, max_hosts>},
    {"min-size", "N", "", "How many brokers must be up before the lead's command starts", boot,
     Kind::value, number<&S::min_size, 1, max_hosts>},
    {"max-size", "N", "", "How many hosts are registered, so that the cluster can grow", boot,
     Kind::value, number<&S::max_size, 1, max_hosts>},
    {"index", "N", "", "This pod's index, if the platform does not give it", boot | topology,
     Kind::value, number<&S::index, 0, max_hosts - 1>},
    {"hostname", "H", "", "This pod's host name instead of the kernel's", boot, Kind::value,
     text<&S::hostname, check_word>},
    {"service", "NAME", "", "The headless service under which the pods have their names", boot,
     Kind::value, text<&S::service, check_word>},
    {"namespace", "NS", "", "The Kubernetes namespace, if the pod does not show it", boot,
     Kind::value, text<&S::namespace_name, check_word>},
    {"cluster-domain", "D", "", "The DNS domain of the Kubernetes cluster, usually cluster.local",
     boot, Kind::value, text<&S::cluster_domain, check_word>},
    {"host-format", "FMT", "",
     "How host names are made: %n is the cluster's name, %i the index, as in %n-%i", boot,
     Kind::value, text<&S::host_format, check_word>},
    {"hosts", "LIST", "", "The hosts in the order of their ranks, such as fp-[0-3],login", boot,
     Kind::value, text<&S::hosts, check_hosts>},
});

constexpr auto network_rows = std::to_array<OptionRow>({
    {"port", "PORT", "8050", "The TCP port of every broker", boot, Kind::value, port},
    {"bind", "IFACE|ADDR", "", "The interface or address to listen on", boot, Kind::value,
     text<&S::bind, check_word>},
    {"topology", "kary:K|mincrit[:K]|binomial|custom|flat", "kary:32",
     "The shape of the tree of brokers", boot, Kind::value, tree_shape},
    {"parent", "CHILDREN=PARENT", "",
     "With --topology custom: the parent of some hosts, as in fp-[2-9]=fp-1", boot, Kind::repeated,
     appended<&S::parents, check_parent>},
    {"curve-cert", "FILE", "", "The CURVE certificate that all pods share, as flux-keygen makes it",
     boot | wait, Kind::value, text<&S::curve_cert, check_path>},
    {"curve-secret", "FILE", "", "A shared secret from which every pod derives the certificate",
     boot | wait, Kind::value, text<&S::curve_secret, check_path>},
    {"connect-timeout", "D", "5s", "How long a broker's connection attempt may take", boot,
     Kind::value, duration<&S::connect_timeout>},
    {"tcp-user-timeout", "D", "20s",
     "How long a broker keeps a connection that gets no answer; with --supervise 2m", boot,
     Kind::value, duration<&S::tcp_user_timeout>},
});

constexpr auto flux_rows = std::to_array<OptionRow>({
    {"root", "DIR", "/run/fluxpod", "The absolute path below which every file is written",
     boot | probe, Kind::value, text<&S::root, check_absolute>},
    {"flux", "PATH", "flux",
     "The flux command: a path, or a name to look up in PATH; with --view its bin/flux", boot,
     Kind::value, text<&S::flux, check_path>},
    {"view", "DIR", "",
     "A directory that holds Flux: bin/flux, lib and so on; its libraries are for Flux, not for "
     "jobs",
     boot | install, Kind::value, text<&S::view, check_view>},
    {"broker-config", "FILE", "",
     "TOML of your own that is merged over the rendered broker.toml; keys that an option sets are "
     "refused",
     boot, Kind::value, text<&S::broker_config, check_path>},
    {"broker-option", "ATTR=VALUE", "",
     "A broker attribute, as flux broker -S takes it; those that an option sets are refused", boot,
     Kind::repeated, appended<&S::broker_options, check_broker_option>},
    {"broker-log-level", "N", "6", "The least severe syslog level that brokers print, 0 to 7", boot,
     Kind::value, number<&S::broker_log_level, 0, 7>},
    {"queue-policy", "fcfs|easy|hybrid|conservative", "", "The queue policy of fluxion", boot,
     Kind::value, choice<&S::queue_policy, queue_policy_choices>},
    {"archive", "FILE", "",
     "Save Flux's state, jobs and all, to FILE at the end of the lead, and restore it at the next "
     "start; needs --supervise",
     boot, Kind::value, text<&S::archive, check_absolute>},
    {"allow-guest", "", "", "Let users other than the instance's owner in", boot, Kind::flag,
     flag<&S::allow_guest>},
    {"resources", "render|discover", "render",
     "Write the resource set R from this pod's hardware, or let Flux discover it", boot,
     Kind::value, choice<&S::resources, resources_choices>},
    {"resource-config", "HOSTS=cores:N[,gpus:N][,property:P]", "",
     "Resources of each host of a group, if pods are unequal: list all hosts or none", boot,
     Kind::repeated, appended<&S::resource_config, check_resource_config>},
});

constexpr auto node_rows = std::to_array<OptionRow>({
    {"node-rule", "strict|share|warn|off", "share",
     "If Flux would count more than this pod has: refuse, count its limit, or only log it",
     boot | topology, Kind::value, choice<&S::node_rule, node_rule_choices>},
    {"node-reserve", "PERCENT", "10",
     "Treat a limit up to this percent below the node's CPUs as the whole node", boot | topology,
     Kind::value, number<&S::node_reserve, 0, 90>},
    {"node-check", "on|off", "",
     "Drain a rank that shares its node with an earlier one (default: on, unless the node is "
     "proven "
     "the pod's own, its limit is counted, or the rule is off)",
     boot, Kind::value, choice<&S::node_check, on_off_choices>},
    {"bind-cpus", "on|off", "off",
     "Bind a pod whose CPU limit is counted to CPUs that no other rank on its node has", boot,
     Kind::value, choice<&S::bind_cpus, on_off_choices>},
    {"node-name", "NAME", "", "The node of this pod, spec.nodeName of the downward API", boot,
     Kind::value, text<&S::node_name, check_word>},
    {"cpu-request", "CPUS", "", "The CPU request of this container, if cgroups do not show it",
     boot | topology, Kind::value, cpu_quantity<&S::cpu_request>},
    {"cpu-limit", "CPUS", "", "The CPU limit of this container, if no quota enforces it",
     boot | topology, Kind::value, cpu_quantity<&S::cpu_limit>},
});

constexpr auto wait_rows = std::to_array<OptionRow>({
    {"wait-timeout", "D", "10m", "How long to wait for the parent broker", boot, Kind::value,
     duration<&S::wait_timeout>},
    {"wait-until", "dns|tcp|curve", "curve",
     "How far the parent must answer before the broker starts", boot, Kind::value,
     choice<&S::wait_until, wait_until_choices>},
    {"pin", "on|off", "on",
     "Write the parent's verified address into broker.toml, so that the broker asks no DNS", boot,
     Kind::value, choice<&S::pin, on_off_choices>},
});

constexpr auto launch_rows = std::to_array<OptionRow>({
    {"supervise", "", "",
     "Stay above the broker: join again after a lost parent, and end in order at SIGTERM", boot,
     Kind::flag, flag<&S::supervise>},
    {"when-parent-leaves", "auto|rejoin|complete|fail", "auto",
     "Action of a supervised follower once its parent is gone; auto: join again if it was lost, "
     "end with 0 if it shut down in order",
     boot, Kind::value, choice<&S::when_parent_leaves, when_parent_leaves_choices>},
    {"grace", "D", "",
     "How long the end may take from the first SIGTERM, or from the command's own end; then what "
     "is left is killed. With run --supervise 30s, and a reserve of it is kept",
     boot | init, Kind::value, duration<&S::grace>},
});

constexpr auto command_rows = std::to_array<OptionRow>({
    {"group", "", "", "Signal the command's whole process group instead of the command alone", init,
     Kind::flag, flag<&S::group>},
    {"all", "", "", "Render the files of every pod, each below its own host name", render,
     Kind::flag, flag<&S::all>},
    {"explain", "", "", "Print every decision instead of the files", render, Kind::flag,
     flag<&S::explain>},
    {"out", "DIR", "", "Write the files below DIR instead of printing them", render, Kind::value,
     text<&S::out, check_path>},
    {"format", "text|json", "text", "How results are printed", render | topology, Kind::value,
     choice<&S::format, format_choices>},
    {"svg", "", "", "Print the drawing as SVG", topology | timeline, Kind::flag, flag<&S::svg>},
    {"machine", "MACHINE", "",
     "Another machine: an XML file of lstopo, or such as \"package:2 core:8 pu:2\"", topology,
     Kind::value, text<&S::machine, check_path>},
    {"name", "N", "", "The certificate's name, for people", keygen, Kind::value,
     text<&S::key_name, check_word>},
    {"from-secret", "FILE", "", "Derive the certificate from a shared secret", keygen, Kind::value,
     text<&S::from_secret, check_path>},
    {"timeout", "D", "5m", "How long to wait for the targets, or for the view", wait | install,
     Kind::value, duration<&S::timeout>},
    {"answer-within", "D", "800ms", "How long the broker and the supervisor may take to answer",
     probe, Kind::value, duration<&S::answer_within>},
});

constexpr auto source_rows = std::to_array<OptionRow>({
    {"config", "FILE", "/etc/fluxpod/fluxpod.conf",
     "The config file; the default one is read only if it exists",
     boot | wait | keygen | install | topology | probe | timeline, Kind::value,
     text<&S::config, check_path>},
    {"minicluster", "FILE", "", "A Flux Operator MiniCluster whose settings and command are taken",
     boot, Kind::value, text<&S::minicluster, check_path>},
    {"container", "NAME", "", "The MiniCluster's container that runs Flux, if it has several", boot,
     Kind::value, text<&S::container, check_word>},
});

constexpr auto message_rows = std::to_array<OptionRow>({
    {"report", "FILE", "", "Append the stages of the boot to FILE as lines of JSON", boot,
     Kind::value, text<&S::report, check_path>},
    {"termination-log", "FILE", "/dev/termination-log",
     "File for the last error, shown by kubectl describe, if the file exists", all, Kind::value,
     text<&S::termination_log, check_path>},
    {"log-level", "debug|info|warning|error", "info", "Lowest level to log", all, Kind::value,
     choice<&S::log_level, log_level_choices>},
    {"log-format", "text|json", "text", "How log lines on stderr look", all, Kind::value,
     choice<&S::log_format, log_format_choices>},
    {"quiet", "", "", "Log warnings and errors only", all, Kind::flag, flag<&S::quiet>},
});

// Puts the rows of the sections into one table.
template <std::size_t... counts>
constexpr auto joined(const std::array<OptionRow, counts>&... parts) {
    std::array<OptionRow, (counts + ...)> all{};
    auto next = all.begin();
    ((next = std::copy(parts.begin(), parts.end(), next)), ...);
    return all;
}

constexpr auto rows = joined(cluster_rows, network_rows, flux_rows, node_rows, wait_rows,
                             launch_rows, command_rows, source_rows, message_rows);

struct SectionSize {
    std::string_view title;
    std::size_t count;
};

// In the order of `joined`.
constexpr auto section_sizes = std::to_array<SectionSize>({
    {"The cluster and this pod's place in it", cluster_rows.size()},
    {"The overlay network", network_rows.size()},
    {"Flux", flux_rows.size()},
    {"The node rule", node_rows.size()},
    {"The wait", wait_rows.size()},
    {"After the launch", launch_rows.size()},
    {"This command", command_rows.size()},
    {"Files of settings", source_rows.size()},
    {"Messages and reports", message_rows.size()},
});

}  // namespace

std::string TopologySpec::flux_spelling() const {
    switch (kind) {
        case Kind::kary: return fmt::format("kary:{}", k);
        case Kind::mincrit: return k == 0 ? "mincrit" : fmt::format("mincrit:{}", k);
        case Kind::binomial: return "binomial";
        case Kind::custom: return "custom";
        case Kind::flat: return "kary:0";
    }
    return "";
}

std::span<const OptionRow> option_table() { return rows; }

std::vector<OptionSection> option_sections() {
    std::vector<OptionSection> sections;
    std::span<const OptionRow> rest = rows;
    for (const auto& size : section_sizes) {
        sections.push_back({size.title, rest.first(size.count)});
        rest = rest.subspan(size.count);
    }
    return sections;
}

const OptionRow* find_option(std::string_view name) {
    const auto* row = std::ranges::find(rows, name, &OptionRow::name);
    return row == rows.end() ? nullptr : row;
}

std::string variable_name(std::string_view option) {
    std::string name = "FLUXPOD_";
    for (char c : option) {
        const bool letter = c >= 'a' && c <= 'z';
        name += c == '-' ? '_' : letter ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return name;
}

const OptionRow* option_of_variable(std::string_view variable) {
    const auto* row = std::ranges::find_if(
        rows, [&](const OptionRow& each) { return variable_name(each.name) == variable; });
    return row == rows.end() ? nullptr : row;
}

std::vector<std::string> command_names(unsigned command_bits) {
    constexpr std::array<std::string_view, 10> in_order{
        "run",  "render",  "preflight", "wait",  "keygen",
        "init", "install", "topology",  "probe", "timeline"};
    std::vector<std::string> names;
    for (std::size_t bit = 0; bit < in_order.size(); ++bit) {
        if ((command_bits >> bit & 1U) != 0) names.emplace_back(in_order.at(bit));
    }
    return names;
}

}  // namespace fluxpod
