// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/pod_facts.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>

#include "temp_dir.hpp"

using fluxpod::Environment;
using fluxpod::read_pod_facts;
using fluxpod::SystemPaths;
using fluxpod::test::TempDir;

namespace {

SystemPaths paths_in(const TempDir& dir) {
    return {.resolv_conf = dir / "resolv.conf",
            .hosts = dir / "hosts",
            .namespace_file = dir / "namespace",
            .labels_file = dir / "labels",
            .route = dir / "route",
            .ipv6_route = dir / "ipv6_route"};
}

}  // namespace

TEST_CASE("a pod without any file or variable has only the kernel's hostname") {
    const TempDir dir;
    auto facts = read_pod_facts(Environment(), paths_in(dir));
    std::array<char, 256> own{};
    REQUIRE(::gethostname(own.data(), own.size() - 1) == 0);
    CHECK(facts.kernel_hostname == own.data());
    CHECK_FALSE(facts.job_completion_index);
    CHECK_FALSE(facts.lws_worker_index);
    CHECK_FALSE(facts.lws_group_size);
    CHECK_FALSE(facts.lws_leader_address);
    CHECK_FALSE(facts.mpi_job_role);
    CHECK_FALSE(facts.pod_namespace);
    CHECK_FALSE(facts.pod_index_label);
    CHECK_FALSE(facts.namespace_file);
    CHECK_FALSE(facts.reverse_name);
    CHECK(facts.resolv_conf.search.empty());
}

TEST_CASE("the platforms' variables are taken as they are, wrong ones too") {
    const TempDir dir;
    const Environment environment({"JOB_COMPLETION_INDEX=-1", "LWS_WORKER_INDEX=2",
                                   "LWS_GROUP_SIZE=4", "LWS_LEADER_ADDRESS=lws-0.lws.ns",
                                   "K_MPI_JOB_ROLE=worker", "POD_NAMESPACE="});
    auto facts = read_pod_facts(environment, paths_in(dir));
    CHECK(facts.job_completion_index == "-1");
    CHECK(facts.lws_worker_index == "2");
    CHECK(facts.lws_group_size == "4");
    CHECK(facts.lws_leader_address == "lws-0.lws.ns");
    CHECK(facts.mpi_job_role == "worker");
    CHECK(facts.pod_namespace == "");
}

TEST_CASE("the pod-index label is found among the labels that the downward API writes") {
    const TempDir dir;
    const auto paths = paths_in(dir);
    struct Row {
        const char* labels;
        std::optional<std::string> index;
    };
    for (const auto& row :
         {Row{"app=\"fp\"\napps.kubernetes.io/pod-index=\"3\"\nz=\"\"\n", "3"},
          Row{"apps.kubernetes.io/pod-index=\"12\"", "12"},
          Row{"apps.kubernetes.io/pod-index=7\n", "7"},
          Row{"apps.kubernetes.io/pod-index=\"\n", "\""},
          Row{"apps.kubernetes.io/pod-index=\"\"\n", ""},
          Row{"my.apps.kubernetes.io/pod-index=\"3\"\n", std::nullopt},
          Row{"apps.kubernetes.io/pod-index\n===\n=\n", std::nullopt}, Row{"", std::nullopt}}) {
        CAPTURE(row.labels);
        dir.write("labels", row.labels);
        CHECK(read_pod_facts(Environment(), paths).pod_index_label == row.index);
    }
}

TEST_CASE("the service account's namespace loses its blanks, and a blank one is none") {
    const TempDir dir;
    const auto paths = paths_in(dir);
    dir.write("namespace", " flux-operator\n");
    CHECK(read_pod_facts(Environment(), paths).namespace_file == "flux-operator");
    dir.write("namespace", "\n");
    CHECK_FALSE(read_pod_facts(Environment(), paths).namespace_file);
}

TEST_CASE("a directory or an endless file in place of a fact is a fact that is not there") {
    const TempDir dir;
    auto paths = paths_in(dir);
    paths.namespace_file = dir.path();
    paths.labels_file = "/dev/zero";
    auto facts = read_pod_facts(Environment(), paths);
    CHECK_FALSE(facts.namespace_file);
    CHECK_FALSE(facts.pod_index_label);
}

TEST_CASE("resolv.conf and the hosts file are read") {
    const TempDir dir;
    dir.write("resolv.conf", "nameserver 10.96.0.10\nsearch ns.svc.cluster.local\n");
    dir.write("hosts", "127.0.0.1 localhost\n10.244.1.4 fp-1.svc.ns fp-1\n");
    auto facts = read_pod_facts(Environment(), paths_in(dir));
    REQUIRE(facts.resolv_conf.nameservers.size() == 1);
    CHECK(facts.resolv_conf.search == std::vector<std::string>{"ns.svc.cluster.local"});
    REQUIRE(facts.hosts_file.addresses_of("fp-1").size() == 1);
}
