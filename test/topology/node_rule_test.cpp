// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/topology/node_rule.hpp"

#include <doctest/doctest.h>

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
        // A CPU of Kubernetes is one of a core's two.
        Row{"12 CPUs of them", with_quota(facts_of(two_sockets), 12), Verdict::violated, 0, 6, 32},
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
        Row{"hybrid cores, 4 CPUs", with_quota(facts_of("hybrid.xml"), 4), Verdict::violated, 0, 2,
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
            auto share = apply_node_rule(row.facts, rule, reserve, 0);
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
        apply_node_rule(with_quota(facts_of(one_socket), 0.25), NodeRule::share, reserve, 0);
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
    CHECK_FALSE(choose_share(facts, 10, 0));
    CHECK(choose_share(facts, 3, 0)->count() == 1);
}

TEST_CASE("the limit of the pod's spec counts where no quota enforces it, and the lesser of both") {
    NodeFacts facts = facts_of(one_socket);
    facts.cpu_limit = 2;
    CHECK(judge_node(facts, reserve).verdict == Verdict::violated);
    CHECK(choose_share(with_quota(facts, 1), reserve, 0)->count() == 1);
    CHECK(choose_share(with_quota(facts, 4), reserve, 0)->count() == 2);
}

TEST_CASE("a request that cgroup v2 leaves open proves nothing") {
    NodeFacts facts = in_kubernetes(facts_of(one_socket));
    facts.limits.cpu_request = CpuRange{.least = 3, .most = 6};
    CHECK(judge_node(facts, reserve).verdict == Verdict::unproven);
    facts.limits.cpu_request = CpuRange{.least = 4.5, .most = 9};
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

TEST_CASE("ranks that follow each other take cores that follow each other, and go round") {
    const NodeFacts facts = with_quota(facts_of(one_socket), 3);
    CHECK(choose_share(facts, reserve, 0)->encode() == "0-2");
    CHECK(choose_share(facts, reserve, 1)->encode() == "3-5");
    CHECK(choose_share(facts, reserve, 2)->encode() == "0-2");
    const NodeFacts smt = with_quota(facts_of("package:1 core:4 pu:2"), 5);
    CHECK(choose_share(smt, reserve, 1)->encode() == "4-7");
    CHECK(choose_share(with_quota(smt, 1), reserve, 1)->encode() == "2");
    CHECK_FALSE(choose_share(with_quota(smt, 8), reserve, 0));
    CHECK_FALSE(choose_share(with_quota(smt, 1e300), reserve, 0));
}

TEST_CASE("a share lies within a package where one is large enough") {
    const NodeFacts facts = with_quota(facts_of("package:2 core:8 pu:1"), 3);
    CHECK(choose_share(facts, reserve, 0)->encode() == "0-2");
    CHECK(choose_share(facts, reserve, 1)->encode() == "3-5");
    CHECK(choose_share(facts, reserve, 2)->encode() == "8-10");
    CHECK(choose_share(facts, reserve, 3)->encode() == "11-13");
    CHECK(choose_share(facts, reserve, 4)->encode() == "0-2");
    const NodeFacts large = with_quota(facts, 10);
    CHECK(choose_share(large, reserve, 1)->encode() == "0-9");
}

TEST_CASE("where cores differ every rank takes as many, from the first on") {
    const NodeFacts hybrid = with_quota(facts_of("hybrid.xml"), 4);
    CHECK(choose_share(hybrid, reserve, 0)->encode() == "0-3");
    CHECK(choose_share(hybrid, reserve, 1)->encode() == "0-3");
}

TEST_CASE("a share is chosen among the CPUs that the pod may use") {
    NodeFacts facts = facts_of("arm.xml");  // 4-7
    CHECK(choose_share(with_quota(facts, 2), reserve, 1)->encode() == "6-7");
    const auto share = apply_node_rule(with_quota(facts, 2), NodeRule::share, reserve, 1);
    REQUIRE(share);
    CHECK(share->shape.cores == 2);
    CHECK(share->judgement.verdict == Verdict::proven_share);
}

TEST_CASE("a share that is more than the request is not proven") {
    const auto share =
        apply_node_rule(in_kubernetes(with_request(with_quota(facts_of(one_socket), 4), 1)),
                        NodeRule::share, reserve, 0);
    REQUIRE(share);
    CHECK(share->shape.cores == 4);
    CHECK(share->judgement.verdict == Verdict::unproven);
    CHECK(share->judgement.advice.find("requests equal to its limits") != std::string::npos);
}

TEST_CASE("declared cores are what Flux counts") {
    NodeFacts facts = with_quota(facts_of(one_socket), 4);
    facts.declared_cores = 4;
    CHECK(judge_node(facts, reserve).verdict == Verdict::proven_share);
    NodeFacts unlimited = facts_of(one_socket);
    unlimited.declared_cores = 4;
    CHECK(judge_node(unlimited, reserve).verdict == Verdict::unproven);
    CHECK(judge_node(with_request(unlimited, 4), reserve).verdict == Verdict::proven_share);
    facts.declared_cores = 6;
    CHECK(judge_node(facts, reserve).verdict == Verdict::violated);
    // The pod is bound to four, and Flux would drain it for the other two.
    auto share = apply_node_rule(facts, NodeRule::share, reserve, 0);
    REQUIRE_FALSE(share);
    CHECK(share.error().code == ExitCode::node_rule);
    CHECK(share.error().message().find("6 cores") != std::string::npos);
    facts.declared_cores = 9;
    CHECK(judge_node(facts, reserve).reason.find("drain") != std::string::npos);
}

TEST_CASE("a refusal says both numbers, who limits, and what to do") {
    auto share =
        apply_node_rule(with_quota(facts_of(two_sockets), 12), NodeRule::strict, reserve, 0);
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
