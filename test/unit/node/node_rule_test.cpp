// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/node_rule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

#include "test_data.hpp"

namespace fluxpod {
namespace {

constexpr std::uint32_t reserve = 10;

NodeFacts facts_of(const std::string& machine) {
    const bool recorded = machine.ends_with(".xml");
    auto shape = inspect_topology(recorded ? test_data("hwloc/" + machine) : machine);
    REQUIRE_MESSAGE(shape, (shape ? "" : shape.error().message()));
    NodeFacts facts;
    facts.shape = std::move(*shape);
    return facts;
}

NodeFacts with_quota(NodeFacts facts, double cpus) {
    facts.limits.cpu_quota = cpus;
    facts.limits.cpu_quota_directory = "/sys/fs/cgroup";
    return facts;
}

NodeFacts with_request(NodeFacts facts, double cpus) {
    facts.cpu_request = cpus;
    return facts;
}

NodeFacts in_kubernetes(NodeFacts facts) {
    facts.in_kubernetes = true;
    return facts;
}

NodeShare share_of(const NodeFacts& facts, std::uint32_t percent = reserve) {
    auto share = apply_node_rule(facts, NodeRule::share, percent);
    REQUIRE_MESSAGE(share, (share ? "" : share.error().message()));
    return std::move(*share);
}

const char* const one_socket = "package:1 core:8 pu:1";
const char* const two_sockets = "package:2 core:16 pu:2";
const char* const hpc_instance = "package:2 numa:2 core:24 pu:1";  // 96 cores

// What becomes of a machine under every policy. Cores: what Flux counts; 0: refused.
struct Row {
    const char* name;
    NodeFacts facts;
    Verdict verdict;  // before the rule changes anything
    std::uint32_t under_strict, under_share, under_warn;
};

}  // namespace

TEST_CASE("every recorded machine has its verdict, and its count under each policy") {
    const std::array rows{
        Row{"one socket, no limit", facts_of(one_socket), Verdict::whole_node, 8, 8, 8},
        Row{"one socket, half of it", with_quota(facts_of(one_socket), 4), Verdict::violated, 0, 4,
            8},
        Row{"a quota of one and a half", with_quota(facts_of(one_socket), 1.5), Verdict::violated,
            0, 1, 8},
        Row{"less than one CPU", with_quota(facts_of(one_socket), 0.25), Verdict::violated, 0, 1,
            8},
        Row{"two sockets with SMT", facts_of(two_sockets), Verdict::whole_node, 32, 32, 32},
        // A CPU of Kubernetes is one of a core's two, and R counts CPUs of time.
        Row{"12 CPUs of them", with_quota(facts_of(two_sockets), 12), Verdict::violated, 0, 12, 32},
        Row{"96 cores, 94 allocatable", with_quota(facts_of(hpc_instance), 94), Verdict::whole_node,
            96, 94, 96},
        Row{"96 cores, one pod of three", with_quota(facts_of(hpc_instance), 32), Verdict::violated,
            0, 32, 96},
        Row{"ARM, a cpuset of four", facts_of("arm.xml"), Verdict::proven_share, 4, 4, 4},
        Row{"ARM, Guaranteed with the static CPU manager",
            in_kubernetes(with_request(with_quota(facts_of("arm.xml"), 4), 4)),
            Verdict::proven_share, 4, 4, 4},
        Row{"ARM, Burstable in the shared pool",
            in_kubernetes(with_request(facts_of("arm.xml"), 1)), Verdict::unproven, 4, 4, 4},
        Row{"a pod's cpuset of a core and a half", facts_of("share.xml"), Verdict::proven_share, 2,
            2, 2},
        Row{"offline CPUs are nobody's", facts_of("offline.xml"), Verdict::whole_node, 3, 3, 3},
        Row{"hybrid cores", facts_of("hybrid.xml"), Verdict::whole_node, 6, 6, 6},
        Row{"hybrid cores, 4 CPUs", with_quota(facts_of("hybrid.xml"), 4), Verdict::violated, 0, 4,
            6},
        Row{"GPUs", facts_of("gpus.xml"), Verdict::whole_node, 4, 4, 4},
        Row{"BestEffort", in_kubernetes(with_request(facts_of(one_socket), 0)), Verdict::unproven,
            8, 8, 8},
        Row{"a request of half", in_kubernetes(with_request(facts_of(one_socket), 4)),
            Verdict::unproven, 8, 8, 8},
        Row{"a request of more than half", in_kubernetes(with_request(facts_of(one_socket), 4.1)),
            Verdict::whole_node, 8, 8, 8},
        Row{"Kubernetes, nothing known", in_kubernetes(facts_of(one_socket)), Verdict::unproven, 8,
            8, 8},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Judgement judgement = judge_node(row.facts, reserve);
        CAPTURE(judgement.reason);
        CHECK(name_of(judgement.verdict) == name_of(row.verdict));
        CHECK_FALSE(judgement.reason.empty());
        auto cores_under = [&](NodeRule rule) -> std::uint32_t {
            auto share = apply_node_rule(row.facts, rule, reserve);
            if (share) return share->shape.cores;
            CHECK(share.error().code == ExitCode::node_rule);
            return 0;
        };
        CHECK(cores_under(NodeRule::strict) == row.under_strict);
        CHECK(cores_under(NodeRule::share) == row.under_share);
        CHECK(cores_under(NodeRule::warn) == row.under_warn);
        CHECK(cores_under(NodeRule::off) == row.facts.shape.cores);
    }
}

TEST_CASE("less than one CPU cannot be counted, and that is said instead of refused") {
    const auto share =
        apply_node_rule(with_quota(facts_of(one_socket), 0.25), NodeRule::share, reserve);
    REQUIRE(share);
    CHECK(share->shape.cores == 1);
    CHECK(share->judgement.verdict == Verdict::unproven);
    CHECK(share->judgement.reason.find("the least that it can") != std::string::npos);
    const NodeFacts small = with_quota(facts_of("core:1 pu:1"), 0.5);
    CHECK(judge_node(small, reserve).verdict == Verdict::unproven);
}

TEST_CASE("the reserve is what a limit may lack") {
    const NodeFacts facts = with_quota(facts_of("core:2 pu:1"), 1.93);  // of 2, as a cloud has it
    CHECK(judge_node(facts, 10).verdict == Verdict::whole_node);
    CHECK(judge_node(facts, 3).verdict == Verdict::violated);
    CHECK(share_of(facts, 10).shape.cores == 2);
    CHECK_FALSE(share_of(facts, 10).judgement.floats);
    CHECK(share_of(facts, 3).shape.cores == 1);
}

TEST_CASE("the limit of the pod's spec counts if no quota enforces it, else the lesser of both") {
    NodeFacts facts = facts_of(one_socket);
    facts.cpu_limit = 2;
    CHECK(judge_node(facts, reserve).verdict == Verdict::violated);
    CHECK(share_of(with_quota(facts, 1)).shape.cores == 1);
    CHECK(share_of(with_quota(facts, 4)).shape.cores == 2);
}

TEST_CASE("a request that cgroup v2 leaves open proves nothing") {
    NodeFacts facts = in_kubernetes(facts_of(one_socket));
    facts.limits.cpu_request = CpuRange{.min = 3, .max = 6};
    CHECK(judge_node(facts, reserve).verdict == Verdict::unproven);
    facts.limits.cpu_request = CpuRange{.min = 4.5, .max = 9};
    CHECK(judge_node(facts, reserve).verdict == Verdict::whole_node);
    facts.cpu_request = 1;  // what the spec says is exact
    CHECK(judge_node(facts, reserve).verdict == Verdict::unproven);
}

TEST_CASE("the kernel's default weight is a request in Kubernetes only") {
    NodeFacts facts = facts_of(one_socket);
    facts.limits.cpu_request = request_of_shares(1024);
    facts.limits.cpu_request_is_default = true;
    CHECK(judge_node(facts, reserve).verdict == Verdict::whole_node);
    CHECK(judge_node(in_kubernetes(facts), reserve).verdict == Verdict::unproven);
}

// The count is of CPUs that the kernel places: no rank is bound, so no two ranks meet on one CPU
// while another is idle, and no whole CPU of the limit is lost as long as hwloc has a core for it.
TEST_CASE("a limit on any machine: R counts its whole CPUs, and nothing is bound") {
    for (const char* machine :
         {"package:1 core:8 pu:1", "package:2 core:4 pu:2", "package:1 core:4 pu:2", "core:16 pu:1",
          "package:2 numa:2 core:4 pu:1(indexes=numa:pu)", "package:1 core:8 pu:2(indexes=pu:core)",
          "offline.xml", "hybrid.xml", "share.xml", "arm.xml", "interleaved.xml"}) {
        const NodeFacts facts = facts_of(machine);
        for (std::uint32_t limit = 1; limit <= 8; ++limit) {
            CAPTURE(machine);
            CAPTURE(limit);
            NodeFacts limited = facts;
            limited.cpu_limit = limit;
            const NodeShare share = share_of(limited);
            const bool is_all = limit >= facts.shape.pus;
            CHECK(share.shape.cores == std::min(limit, facts.shape.cores));
            CHECK(share.judgement.floats == !is_all);
            CHECK(share.floating_cpus == (is_all ? 0 : limit));
            if (!is_all) CHECK(share.judgement.verdict == Verdict::unproven);
        }
    }
}

TEST_CASE("a quota proves nothing, whatever it says; a cpuset that somebody set does") {
    const NodeFacts quota = with_quota(facts_of(one_socket), 4);
    const Judgement judgement = share_of(quota).judgement;
    CHECK(judgement.verdict == Verdict::unproven);
    CHECK_FALSE(judgement.proven);
    CHECK(judgement.reason ==
          "R counts 4 cores; the CPU quota of /sys/fs/cgroup gives 4 CPUs, which float over all of "
          "the node's 8 CPUs; its request is not known, and other pods may want the same time");
    CHECK_FALSE(judgement.advice.empty());
    CHECK(share_of(facts_of("arm.xml")).judgement.proven);
}

TEST_CASE("a request that covers the quota: the time is the pod's own, and needs no advice") {
    const Judgement judgement =
        share_of(in_kubernetes(with_request(with_quota(facts_of(one_socket), 4), 4))).judgement;
    CHECK(judgement.verdict == Verdict::unproven);
    CHECK(judgement.floats);
    CHECK(judgement.advice.empty());
    CHECK(judgement.reason.find("the pod requests 4 CPUs") != std::string::npos);
}

TEST_CASE("a limit that is the node's but for the reserve: the pod's own if its request says so") {
    NodeFacts facts = in_kubernetes(with_quota(facts_of(hpc_instance), 94));
    CHECK(share_of(facts).judgement.floats);
    const NodeShare own = share_of(with_request(facts, 94));
    CHECK(own.judgement.verdict == Verdict::whole_node);
    CHECK(own.judgement.proven);
    CHECK_FALSE(own.judgement.floats);
    CHECK(own.shape.cores == 94);
}

TEST_CASE("a quota below a cpuset floats within it") {
    const NodeShare share = share_of(with_quota(facts_of("arm.xml"), 2));  // CPUs 4-7
    CHECK(share.shape.cores == 2);
    CHECK(share.judgement.floats);
    CHECK(share.judgement.reason.find("float over 4 CPUs of the node's 16 CPUs") !=
          std::string::npos);
}

TEST_CASE("a share that is more than the request: unproven, with advice") {
    const NodeShare share =
        share_of(in_kubernetes(with_request(with_quota(facts_of(one_socket), 4), 1)));
    CHECK(share.shape.cores == 4);
    CHECK(share.judgement.verdict == Verdict::unproven);
    CHECK(share.judgement.advice.find("requests equal to its limits") != std::string::npos);
}

TEST_CASE("Flux discovers, and a limit gives less: refused, since no R can say the count") {
    NodeFacts facts = with_quota(facts_of(one_socket), 4);
    facts.discovers = true;
    auto refused = apply_node_rule(facts, NodeRule::share, reserve);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("--resource-config") != std::string::npos);
    facts.limits.cpu_quota = 8;
    CHECK(apply_node_rule(facts, NodeRule::share, reserve));
}

TEST_CASE("a cpuset without a known request in Kubernetes: unproven") {
    CHECK(judge_node(in_kubernetes(facts_of("arm.xml")), reserve).verdict == Verdict::unproven);
}

TEST_CASE("what could not be read is not free: unproven, and strict refuses") {
    NodeFacts facts = facts_of(one_socket);
    facts.limits.unseen = "the cgroup limits could not be read: /proc/self/cgroup: EACCES";
    const NodeShare share = share_of(facts);
    CHECK(share.judgement.verdict == Verdict::unproven);
    CHECK_FALSE(share.judgement.proven);
    CHECK(share.judgement.reason.find("could not be read") != std::string::npos);
    CHECK(share.judgement.reason.find("nothing limits") == std::string::npos);
    const auto refused = apply_node_rule(facts, NodeRule::strict, reserve);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ExitCode::node_rule);
    CHECK(refused.error().message().find("--cpu-limit") != std::string::npos);

    facts.cpu_limit = 8;  // the spec says what the cgroups do not show
    facts.cpu_request = 8;
    CHECK(share_of(facts).judgement.verdict == Verdict::whole_node);
    CHECK(apply_node_rule(facts, NodeRule::strict, reserve));
}

TEST_CASE("a machine that a variable describes: counted up to the CPUs of the kernel") {
    NodeFacts facts = facts_of("core:16 pu:1");
    facts.shape.unseen = "HWLOC_SYNTHETIC=core:16 pu:1 describes another machine";
    facts.shape.kernel_pus = 2;
    const NodeShare share = share_of(facts);
    CHECK(share.shape.cores == 2);
    CHECK(share.judgement.verdict == Verdict::unproven);
    CHECK(share.judgement.reason.find("HWLOC_SYNTHETIC") != std::string::npos);
    CHECK(judge_node(facts, reserve).verdict == Verdict::violated);
    CHECK_FALSE(apply_node_rule(facts, NodeRule::strict, reserve));
}

TEST_CASE("declared cores are what Flux counts") {
    NodeFacts facts = with_quota(facts_of(one_socket), 4);
    facts.declared_cores = 4;
    CHECK(judge_node(facts, reserve).floats);
    CHECK(apply_node_rule(facts, NodeRule::strict, reserve));
    NodeFacts unlimited = facts_of(one_socket);
    unlimited.declared_cores = 4;
    CHECK(judge_node(unlimited, reserve).verdict == Verdict::unproven);
    CHECK(judge_node(with_request(unlimited, 4), reserve).verdict == Verdict::proven_share);
    facts.declared_cores = 6;
    CHECK(judge_node(facts, reserve).verdict == Verdict::violated);
    auto share = apply_node_rule(facts, NodeRule::share, reserve);
    REQUIRE_FALSE(share);
    CHECK(share.error().code == ExitCode::node_rule);
    CHECK(share.error().message().find("6 cores") != std::string::npos);
    facts.declared_cores = 9;
    CHECK(judge_node(facts, reserve).reason.find("drain") != std::string::npos);
}

TEST_CASE("a refusal says both numbers, who limits, and what to do") {
    auto share = apply_node_rule(with_quota(facts_of(two_sockets), 12), NodeRule::strict, reserve);
    REQUIRE_FALSE(share);
    const std::string message = share.error().message();
    for (const char* part : {"32 cores (64 CPUs)", "12 CPUs", "/sys/fs/cgroup",
                             "requests equal to its limits", "static", "--node-rule share"}) {
        CAPTURE(message);
        CAPTURE(part);
        CHECK(message.find(part) != std::string::npos);
    }
}

}  // namespace fluxpod
