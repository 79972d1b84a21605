// SPDX-License-Identifier: Apache-2.0
// What hwloc sees, what the cgroups give, what Flux would count, and the verdict of the node rule;
// for people, as a drawing, and as one JSON object, always with all of its members:
//
//   machine  packages, numa_nodes, cores, cpus, offline_cpus, kinds (of CPUs), model, memory
//   (bytes) hwloc    for this process: cores, cpus, affinity (RFC 22), gpus; devices (by hwloc,
//   named) cgroup   version, directory, unseen (why CPU limits could not be read); cpu_quota
//   (CPUs),
//            cpu_request ({least, most}, CPUs; most is null without a bound), cpuset (RFC 22),
//            memory_limit (bytes): null if there is none, or none is known
//   verdict ("whole node", "proven share", "unproven", "violated"), reason, advice
//   refused  whether run would end with exit code 12
//   floats   whether R counts a share of CPU time, and jobs are not bound to cores
//   bind     null: nothing is bound before the start
//   flux     what Flux would count then: cores, gpus
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <string>
#include <utility>

#include "fluxpod/commands/boot.hpp"
#include "fluxpod/node/draw.hpp"
#include "fluxpod/node/inspect.hpp"
#include "fluxpod/node/node_map.hpp"
#include "fluxpod/node/node_rule.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

struct NodeReport {
    NodeFacts facts;  // before the rule
    NodeMap map;      // after it
    NodeShare share;  // what the rule makes of them
    bool refused = false;
};

Result<NodeReport> look_at_node(const Settings& settings, bool in_kubernetes) {
    auto shape = inspect_topology(settings.machine);
    if (!shape) return fail(shape.error());
    auto map = map_node(settings.machine);
    if (!map) return fail(map.error());

    NodeReport report;
    report.map = std::move(*map);
    report.facts = read_node_facts(settings, std::move(*shape), in_kubernetes);
    // This pod's limits say nothing of another machine.
    if (!settings.machine.empty()) report.facts.limits = {};

    // Show the node also if strict would refuse it.
    const NodeRule rule = settings.node_rule == NodeRule::share ? NodeRule::share : NodeRule::warn;
    auto share = apply_node_rule(report.facts, rule, settings.node_reserve);
    if (!share) return fail(share.error());
    report.share = std::move(*share);
    const auto& [verdict, reason, advice, proven, floats, unseen] = report.share.judgement;
    report.refused =
        settings.node_rule == NodeRule::strict && (unseen || verdict == Verdict::violated);
    return report;
}

// The CPUs that this process may run on.
Idset affinity_of(const NodeShape& shape) {
    Idset cpus;
    for (const auto& core : shape.counted) {
        for (const auto& range : core.cpus.ranges()) cpus.insert(range);
    }
    return cpus;
}

// ---- text ---------------------------------------------------------------------------------------

std::string gibibytes(std::uint64_t bytes) {
    return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / std::pow(2.0, 30));
}

class Lines {
  public:
    void add(std::string_view name, const std::string& value) {
        if (!value.empty()) text_ += fmt::format("{:<12}{}\n", name, value);
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

void add_machine(const NodeReport& report, Lines& lines) {
    const NodeShape& shape = report.facts.shape;
    const auto offline =
        shape.offline_pus > 0 ? fmt::format(", offline CPUs {}", shape.offline_pus) : "";
    const auto kinds =
        report.map.kinds > 1 ? fmt::format(", kinds of cores {}", report.map.kinds) : "";
    lines.add("machine", fmt::format("packages {}, NUMA nodes {}, cores {}, CPUs {}{}{}",
                                     shape.packages, shape.numa_nodes, shape.complete_cores,
                                     shape.complete_pus, offline, kinds));
    lines.add("model", report.map.cpu_model);
    lines.add("memory", gibibytes(report.map.memory));
    lines.add("hwloc", fmt::format("for this process: cores {}, CPUs {} ({}), GPUs {}", shape.cores,
                                   shape.pus, affinity_of(shape).encode(), shape.gpus));
    for (const auto& gpu : report.map.gpus) lines.add("", "Flux would find " + gpu);
}

void add_cgroup(const CgroupLimits& limits, Lines& lines) {
    const std::string seen = fmt::format("{}, {}", limits.version, limits.cpu_directory);
    const std::string unseen = limits.unseen.empty() ? "not known" : limits.unseen;
    lines.add("cgroup", limits.version.empty() ? unseen : seen);
    const char* no_quota = limits.version.empty() ? "not known" : "none";
    lines.add("  quota", limits.cpu_quota ? fmt::format("{:g} CPUs by {}", *limits.cpu_quota,
                                                        limits.cpu_quota_directory)
                                          : no_quota);
    const std::string request = limits.cpu_request ? describe(*limits.cpu_request) : "not known";
    lines.add("  request", limits.cpu_request_is_default ? "the kernel's default" : request);
    lines.add("  cpuset", limits.cpuset ? limits.cpuset->encode() : "not known");
    lines.add("  memory", limits.memory_limit     ? gibibytes(*limits.memory_limit)
                          : limits.unseen.empty() ? "no limit"
                                                  : "not known");
}

std::string text_of(const NodeReport& report) {
    Lines lines;
    add_machine(report, lines);
    add_cgroup(report.facts.limits, lines);
    const Judgement& judgement = report.share.judgement;
    lines.add("verdict", fmt::format("{}: {}", name_of(judgement.verdict), judgement.reason));
    lines.add("advice", judgement.advice);
    lines.add("rule", report.refused ? "strict: run would end with exit code 12" : "");
    lines.add("placement", judgement.floats ? "nothing is bound: the share floats" : "");
    lines.add("Flux counts",
              fmt::format("cores {}, GPUs {}", report.share.shape.cores, report.share.shape.gpus));
    return lines.text() + "\n" + draw_as_text(report.map);
}

// ---- JSON ---------------------------------------------------------------------------------------

template <class T>
json::value or_null(const std::optional<T>& value) {
    return value ? json::value(*value) : json::value(nullptr);
}

json::value cgroup_value(const CgroupLimits& limits) {
    json::value request = nullptr;
    if (limits.cpu_request && !limits.cpu_request_is_default) {
        request = {{"least", limits.cpu_request->min}, {"most", nullptr}};
        if (!std::isinf(limits.cpu_request->max)) {
            request.as_object()["most"] = limits.cpu_request->max;
        }
    }
    return {{"version", limits.version},
            {"directory", limits.cpu_directory},
            {"unseen", limits.unseen.empty() ? json::value(nullptr) : json::value(limits.unseen)},
            {"cpu_quota", or_null(limits.cpu_quota)},
            {"cpu_request", std::move(request)},
            {"cpuset", limits.cpuset ? json::value(limits.cpuset->encode()) : json::value(nullptr)},
            {"memory_limit", or_null(limits.memory_limit)}};
}

std::string json_of(const NodeReport& report) {
    const NodeShape& shape = report.facts.shape;
    json::array gpus(report.map.gpus.begin(), report.map.gpus.end());
    const json::object whole{
        {"machine",
         {{"packages", shape.packages},
          {"numa_nodes", shape.numa_nodes},
          {"cores", shape.complete_cores},
          {"cpus", shape.complete_pus},
          {"offline_cpus", shape.offline_pus},
          {"kinds", report.map.kinds},
          {"model", report.map.cpu_model},
          {"memory", report.map.memory}}},
        {"hwloc",
         {{"cores", shape.cores},
          {"cpus", shape.pus},
          {"affinity", affinity_of(shape).encode()},
          {"gpus", shape.gpus},
          {"devices", gpus}}},
        {"cgroup", cgroup_value(report.facts.limits)},
        {"verdict", name_of(report.share.judgement.verdict)},
        {"reason", report.share.judgement.reason},
        {"advice", report.share.judgement.advice},
        {"refused", report.refused},
        {"floats", report.share.judgement.floats},
        {"bind", nullptr},
        {"flux", {{"cores", report.share.shape.cores}, {"gpus", report.share.shape.gpus}}}};
    return json::serialize(whole) + "\n";
}

}  // namespace

Result<int> topology_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    const auto facts = read_pod_facts(invocation.environment, SystemPaths{});
    auto report = look_at_node(*settings, facts.in_kubernetes);
    if (!report) return fail(report.error());
    if (settings->svg) return print(draw_as_svg(report->map));
    return print(settings->format == OutputFormat::json ? json_of(*report) : text_of(*report));
}

}  // namespace fluxpod
