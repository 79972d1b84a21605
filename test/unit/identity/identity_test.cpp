// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/identity.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using fluxpod::as_rank;
using fluxpod::ExitCode;
using fluxpod::identify;
using fluxpod::Identity;
using fluxpod::needs_reverse_name;
using fluxpod::PodFacts;
using fluxpod::Settings;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Settings as flags give them.
Settings flags(const std::vector<std::pair<std::string, std::string>>& given) {
    Settings settings;
    for (const auto& [name, value] : given) {
        settings.origins[name] = "flag --" + name;
        if (name == "size") settings.size = static_cast<std::uint32_t>(std::stoul(value));
        if (name == "min-size") settings.min_size = static_cast<std::uint32_t>(std::stoul(value));
        if (name == "max-size") settings.max_size = static_cast<std::uint32_t>(std::stoul(value));
        if (name == "index") settings.index = static_cast<std::uint32_t>(std::stoul(value));
        if (name == "cluster-name") settings.cluster_name = value;
        if (name == "hostname") settings.hostname = value;
        if (name == "hosts") settings.hosts = value;
        if (name == "host-format") settings.host_format = value;
        if (name == "service") settings.service = value;
        if (name == "namespace") settings.namespace_name = value;
        if (name == "cluster-domain") settings.cluster_domain = value;
        if (name == "all") settings.all = true;
    }
    return settings;
}

PodFacts named(const std::string& kernel_hostname) {
    PodFacts facts;
    facts.kernel_hostname = kernel_hostname;
    return facts;
}

PodFacts indexed_job(const std::string& kernel_hostname, const std::string& index) {
    auto facts = named(kernel_hostname);
    facts.job_completion_index = index;
    return facts;
}

PodFacts worker_set(const std::string& kernel_hostname, const std::string& index,
                    const std::string& size) {
    auto facts = named(kernel_hostname);
    facts.lws_worker_index = index;
    facts.lws_group_size = size;
    return facts;
}

PodFacts mpi_job(const std::string& kernel_hostname, const std::string& role) {
    auto facts = named(kernel_hostname);
    facts.mpi_job_role = role;
    return facts;
}

PodFacts stateful_set(const std::string& kernel_hostname, const std::string& index) {
    auto facts = named(kernel_hostname);
    facts.pod_index_label = index;
    return facts;
}

PodFacts replica(const std::string& reverse_name) {
    auto facts = named("3f2a9c81d0be");
    facts.reverse_name = reverse_name;
    return facts;
}

Identity accepted(const Settings& settings, const PodFacts& facts, bool elsewhere = false) {
    auto identity = identify(settings, facts, elsewhere);
    REQUIRE_MESSAGE(identity, (identity ? "" : identity.error().message()));
    return *identity;
}

// The message of a refusal; its exit code is checked.
std::string refused(const Settings& settings, const PodFacts& facts,
                    ExitCode code = ExitCode::identity, bool elsewhere = false) {
    auto identity = identify(settings, facts, elsewhere);
    REQUIRE_FALSE(identity);
    const auto message = identity.error().message();
    CAPTURE(message);
    CHECK(identity.error().code == code);
    return message;
}

void check_all_in(const std::string& message, const std::vector<std::string>& parts) {
    CAPTURE(message);
    for (const auto& part : parts) {
        CAPTURE(part);
        CHECK(contains(message, part));
    }
}

}  // namespace

TEST_CASE("each platform's pods get their rank, their hosts and their names") {
    struct Row {
        PodFacts facts;
        std::uint32_t rank;
        std::string hosts, platform, origin;
    };
    const std::vector<Row> rows{
        {indexed_job("fp-0", "0"), 0, "fp-[0-3]", "Indexed Job", "JOB_COMPLETION_INDEX"},
        {indexed_job("fp-3", "3"), 3, "fp-[0-3]", "Indexed Job", "JOB_COMPLETION_INDEX"},
        // JobSet: <jobset>-<replicated job>-<job index>-<pod index>
        {indexed_job("js-work-0-2", "2"), 2, "js-work-0-[0-3]", "Indexed Job",
         "JOB_COMPLETION_INDEX"},
        // Kubeflow Trainer: <trainjob>-node-0-<i>
        {indexed_job("train-node-0-1", "1"), 1, "train-node-0-[0-3]", "Indexed Job",
         "JOB_COMPLETION_INDEX"},
        {stateful_set("db-2", "2"), 2, "db-[0-3]", "StatefulSet", "pod-index label"},
        {worker_set("lws-1", "0", "4"), 0, "lws-1,lws-1-[1-3]", "LeaderWorkerSet",
         "LWS_WORKER_INDEX"},
        {worker_set("lws-1-3", "3", "4"), 3, "lws-1,lws-1-[1-3]", "LeaderWorkerSet",
         "LWS_WORKER_INDEX"},
        {mpi_job("pi-launcher", "launcher"), 0, "pi-launcher,pi-worker-[0-2]", "MPIJob",
         "K_MPI_JOB_ROLE"},
        {mpi_job("pi-worker-0", "worker"), 1, "pi-launcher,pi-worker-[0-2]", "MPIJob",
         "K_MPI_JOB_ROLE and hostname"},
        {mpi_job("pi-worker-2", "worker"), 3, "pi-launcher,pi-worker-[0-2]", "MPIJob",
         "K_MPI_JOB_ROLE and hostname"},
        {replica("proj-flux-1"), 0, "proj-flux-[1-4]", "compose replica", "reverse name"},
        {replica("proj-flux-4"), 3, "proj-flux-[1-4]", "compose replica", "reverse name"},
        {named("fp-0"), 0, "fp-[0-3]", "plain hostname", "hostname"},
        {named("my-fp-2"), 2, "my-fp-[0-3]", "plain hostname", "hostname"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.platform);
        CAPTURE(row.rank);
        auto identity = accepted(flags({{"size", "4"}}), row.facts);
        CHECK(identity.rank == row.rank);
        CHECK(identity.is_lead() == (row.rank == 0));
        CHECK(identity.hosts.expand() == fluxpod::Hostlist::parse(row.hosts)->expand());
        CHECK(identity.hostname == identity.hosts.at(row.rank));
        CHECK(identity.platform == row.platform);
        CHECK(identity.index_origin == row.origin);
        CHECK(identity.kernel_hostname == row.facts.kernel_hostname);
        CHECK(identity.size == 4);
        CHECK(identity.min_size == 4);
        CHECK(identity.max_size == 4);
    }
}

TEST_CASE("a cluster of one is rank 0 under whatever name it has") {
    for (const auto* name : {"vm", "3f2a9c81d0be", "node007", "a"}) {
        auto identity = accepted(Settings(), named(name));
        CHECK(identity.rank == 0);
        CHECK(identity.hostname == name);
        CHECK(identity.hosts.encode() == name);
    }
    CHECK(accepted(flags({{"cluster-name", "fp"}}), named("vm")).hostname == "vm");
    CHECK(accepted(flags({{"index", "0"}}), named("vm")).hostname == "vm");
    CHECK(accepted(Settings(), indexed_job("vm", "0")).hostname == "vm");
    CHECK(accepted(Settings(), worker_set("lws-0", "0", "1")).hostname == "lws-0");
    CHECK(accepted(Settings(), mpi_job("pi-launcher", "launcher")).hostname == "pi-launcher");
}

TEST_CASE("the index of a flag or variable overrides the platform's and needs the right hostname") {
    auto facts = indexed_job("fp-2", "7");
    auto identity = accepted(flags({{"size", "4"}, {"index", "2"}}), facts);
    CHECK(identity.rank == 2);
    CHECK(identity.index_origin == "flag --index");
    CHECK(identity.platform == "Indexed Job");
    check_all_in(refused(flags({{"size", "4"}, {"index", "1"}}), facts),
                 {"index 1 (flag --index) is host fp-1", "fp-2 (the kernel's)", "rank 2"});
}

TEST_CASE(
    "an index that the hostname's ordinal contradicts is refused with both and their origins") {
    check_all_in(
        refused(flags({{"size", "4"}}), indexed_job("fp-1", "2")),
        {"index 2 (JOB_COMPLETION_INDEX)", "fp-2", "hostname fp-1 (the kernel's)", "rank 1"});
    check_all_in(refused(Settings(), worker_set("lws-0-1", "2", "4")),
                 {"index 2 (LWS_WORKER_INDEX)", "lws-0-2", "lws-0-1"});
    check_all_in(refused(flags({{"size", "4"}}), stateful_set("db-1", "3")),
                 {"index 3 (pod-index label)", "db-3", "db-1"});
    check_all_in(refused(flags({{"size", "4"}, {"hostname", "fp-0"}}), indexed_job("x", "3")),
                 {"fp-3", "hostname fp-0 (flag --hostname)"});
}

TEST_CASE("a hostname of another cluster is refused") {
    check_all_in(refused(flags({{"size", "4"}, {"cluster-name", "fp"}}), indexed_job("gp-2", "2")),
                 {"fp-2", "hostname is gp-2 (the kernel's)", "--cluster-name"});
    check_all_in(refused(flags({{"size", "4"}, {"cluster-name", "fp"}}), named("gp-2")),
                 {"index 2 (hostname)", "fp-2", "hostname is gp-2 (the kernel's)"});
    CHECK(contains(
        refused(flags({{"size", "4"}, {"index", "2"}, {"cluster-name", "fp"}}), named("vm")),
        "hostname is vm"));
}

TEST_CASE("an index outside of the cluster is refused with the size and its origin") {
    check_all_in(refused(flags({{"size", "4"}}), indexed_job("fp-4", "4")),
                 {"index 4 (JOB_COMPLETION_INDEX) is outside 0..3", "max size is 4 (flag --size)"});
    check_all_in(refused(flags({{"size", "4"}}), named("fp-9")),
                 {"index 9 (hostname) is outside 0..3"});
    check_all_in(refused(flags({{"size", "4"}}), replica("proj-flux-5")),
                 {"index 4 (reverse name) is outside 0..3"});
    check_all_in(refused(Settings(), named("fp-3")), {"outside 0..0", "(default)", "--size"});
    check_all_in(refused(flags({{"index", "1"}}), named("vm")), {"index 1 (flag --index)"});
    check_all_in(refused(flags({{"size", "2"}}), indexed_job("fp-4294967295", "4294967295")),
                 {"outside 0..1"});
    CHECK(accepted(flags({{"size", "4"}, {"max-size", "8"}}), named("fp-7")).rank == 7);
}

TEST_CASE("a variable that holds no index or role is refused by its name") {
    for (const auto* index : {"-1", "", "one", " 1", "1 ", "+1", "1.0", "0x1", "4294967296"}) {
        CAPTURE(index);
        check_all_in(refused(flags({{"size", "4"}}), indexed_job("fp-1", index)),
                     {"JOB_COMPLETION_INDEX", std::string("\"") + index + "\""});
        check_all_in(refused(Settings(), worker_set("fp-1", index, "4")), {"LWS_WORKER_INDEX"});
        check_all_in(refused(flags({{"size", "4"}}), stateful_set("fp-1", index)), {"pod-index"});
    }
    for (const auto* role : {"", "master", "Launcher"}) {
        check_all_in(refused(flags({{"size", "4"}}), mpi_job("pi-launcher", role)),
                     {"K_MPI_JOB_ROLE", "launcher or worker"});
    }
    for (const auto* size : {"0", "-4", "", "four", "1048577"}) {
        check_all_in(refused(Settings(), worker_set("lws-0", "0", size)), {"LWS_GROUP_SIZE"});
    }
}

TEST_CASE("LWS_GROUP_SIZE is the size unless one was set, and then they must agree") {
    auto facts = worker_set("lws-0-1", "1", "4");
    CHECK(accepted(Settings(), facts).size == 4);
    CHECK(accepted(flags({{"size", "4"}}), facts).size == 4);
    check_all_in(refused(flags({{"size", "3"}}), facts),
                 {"size is 3 (flag --size)", "LWS_GROUP_SIZE is 4"});
}

TEST_CASE("a LeaderWorkerSet pod that gets another name for its lead: refused") {
    auto facts = worker_set("lws-0-1", "1", "4");
    facts.lws_leader_address = "lws-0.lws.ns";
    CHECK(accepted(Settings(), facts).rank == 1);
    facts.lws_leader_address = "lws-1.lws.ns";
    check_all_in(refused(Settings(), facts),
                 {"lws-0-1 (the kernel's)", "it is lws-0", "lws-1.lws.ns"});
    CHECK(accepted(flags({{"hosts", "lws-0,lws-0-[1-3]"}}), facts).rank == 1);
}

TEST_CASE("a follower without any index: refused with the ways to set one") {
    check_all_in(refused(flags({{"size", "4"}}), named("vm")),
                 {"no index is given", "hostname vm (the kernel's)", "--index"});
    check_all_in(refused(flags({{"size", "4"}}), replica("db")), {"hostname db (the reverse name"});
    CHECK(contains(refused(flags({{"size", "4"}}), replica("proj-flux-0")), "not among"));
    CHECK(contains(refused(flags({{"size", "4"}}), mpi_job("pi-helper-1", "worker")), "hostname"));
}

TEST_CASE("a fully qualified hostname counts by its first label") {
    auto identity = accepted(flags({{"size", "4"}}),
                             indexed_job("fp-2.flux-service.ns.svc.cluster.local", "2"));
    CHECK(identity.hostname == "fp-2");
    CHECK(accepted(flags({{"size", "4"}, {"hostname", "fp-1.x.y"}}), named("vm")).rank == 1);
    // Unless the list of hosts names it whole.
    identity = accepted(flags({{"hosts", "a.example.org,b.example.org"}}), named("b.example.org"));
    CHECK(identity.hostname == "b.example.org");
}

TEST_CASE("a hostname that Flux would refuse is refused first") {
    for (const auto* name : {"my_host-1", "-fp-1", "fp 1", "", "fp-1\n", "fp,1"}) {
        CAPTURE(name);
        refused(flags({{"size", "4"}}), named(name));
        refused(Settings(), named(name));
    }
    refused(flags({{"size", "2"}}), named(std::string(64, 'a') + "-1"));
    check_all_in(refused(flags({{"size", "4"}}), replica("my_proj-flux-1")), {"my_proj-flux-1"});
}

TEST_CASE("an invalid host name: refused, also if it is another rank's") {
    const std::string long_name(61, 'a');
    CHECK(accepted(flags({{"size", "10"}}), indexed_job(long_name + "-0", "0")).rank == 0);
    check_all_in(refused(flags({{"size", "11"}}), indexed_job(long_name + "-0", "0")),
                 {long_name + "-10", "rank 10"});
    CHECK(contains(refused(flags({{"size", "2"}, {"cluster-name", "a_b"}, {"index", "0"}}),
                           named("vm"), ExitCode::identity, true),
                   "a_b-0"));
}

TEST_CASE("a hostname that Kubernetes cut at 63 characters is called that") {
    const std::string name(62, 'a');
    check_all_in(refused(flags({{"size", "4"}, {"cluster-name", name}}), indexed_job(name, "3")),
                 {name + "-3", "64 characters", "cut the hostname at 63", "shorter"});
    // The cluster's name not given: the cut hostname has lost its ordinal.
    const std::string cut(63, 'b');
    check_all_in(refused(flags({{"size", "4"}}), indexed_job(cut, "3")),
                 {"cut the hostname at 63"});
}

TEST_CASE("a number with leading zeros: not an ordinal, but a host list places it exactly") {
    refused(flags({{"size", "8"}}), named("node-007"));
    refused(flags({{"size", "8"}}), named("node007"));
    CHECK(accepted(flags({{"hosts", "node[000-007]"}}), named("node007")).rank == 7);
    CHECK(accepted(flags({{"hosts", "node-[000-007]"}}), named("node-007")).rank == 7);
    check_all_in(refused(flags({{"hosts", "node[0-7]"}}), named("node007")),
                 {"node007", "node[0-7]"});
    check_all_in(refused(flags({{"hosts", "fp-[00-07]"}}), named("fp-7")), {"not among"});
}

TEST_CASE("a rank is the position of the hostname in the host list") {
    auto identity = accepted(flags({{"hosts", "login,fp-[2-3],fp-0"}}), named("fp-0"));
    CHECK(identity.rank == 3);
    CHECK(identity.size == 4);
    CHECK(identity.min_size == 4);
    CHECK(identity.max_size == 4);
    CHECK(identity.index_origin == "hostname");
    check_all_in(refused(flags({{"hosts", "login,fp-[2-3]"}}), named("fp-1")),
                 {"fp-1 (the kernel's)", "login,fp-[2-3]"});
    check_all_in(refused(flags({{"hosts", "a,b,c"}, {"index", "2"}}), named("b")),
                 {"index 2 (flag --index) is host c", "hostname b", "rank 1"});
    check_all_in(refused(flags({{"hosts", "a,b,c"}}), indexed_job("b", "0")),
                 {"index 0 (JOB_COMPLETION_INDEX)", "hostname b", "rank 1"});
    check_all_in(refused(flags({{"hosts", "a,b,c"}, {"index", "1"}}), named("z")),
                 {"host b", "hostname is z"});
    CHECK(accepted(flags({{"hosts", "a,b,c"}, {"index", "1"}}), named("b")).rank == 1);
}

TEST_CASE("a platform's index may count within its group of the host list") {
    const auto groups = flags({{"hosts", "js-lead-0-0,js-work-0-[0-3]"}});
    CHECK(accepted(groups, indexed_job("js-lead-0-0", "0")).rank == 0);
    CHECK(accepted(groups, indexed_job("js-work-0-0", "0")).rank == 1);
    CHECK(accepted(groups, indexed_job("js-work-0-3", "3")).rank == 4);
    CHECK(accepted(flags({{"hosts", "c-[5-8]"}}), stateful_set("c-6", "6")).rank == 1);
    CHECK(accepted(flags({{"hosts", "c-[5-8]"}}), stateful_set("c-8", "8")).rank == 3);
    refused(groups, indexed_job("js-work-0-3", "2"));
    check_all_in(refused(groups, indexed_job("js-work-0-4", "4")), {"js-work-0-4"});
    check_all_in(refused(groups, indexed_job("js-work-0-5", "5")), {"outside 0..4"});
    refused(flags({{"hosts", "fp-[1-3],fp-0"}}), indexed_job("fp-2", "2"));
    refused(flags({{"hosts", "fp-[1-3]"}}), indexed_job("fp-2", "2"));
    refused(flags({{"hosts", "fp-0,fp-[2-3]"}}), indexed_job("fp-2", "2"));
    // An index that the user said is a rank.
    auto said = groups;
    said.index = 3;
    refused(said, indexed_job("js-work-0-3", "3"));
}

TEST_CASE("a host list that does not fit the sizes is refused with both") {
    check_all_in(refused(flags({{"hosts", "a,b,c"}, {"size", "4"}}), named("a")),
                 {"hosts (flag --hosts) lists 3", "max size is 4 (flag --size)"});
    check_all_in(refused(flags({{"hosts", "a,b,c"}, {"size", "2"}, {"max-size", "4"}}), named("a")),
                 {"lists 3", "4 (flag --max-size)"});
    check_all_in(refused(flags({{"hosts", "a,b,c"}, {"max-size", "2"}}), named("a")),
                 {"lists 3", "2 (flag --max-size)"});
    auto identity = accepted(flags({{"hosts", "a,b,c"}, {"size", "2"}}), named("a"));
    CHECK(identity.size == 2);
    CHECK(identity.min_size == 2);
    CHECK(identity.max_size == 3);
    check_all_in(refused(flags({{"hosts", "a,b,c"}}), worker_set("a", "0", "4")),
                 {"lists 3", "4 (LWS_GROUP_SIZE)"});
}

TEST_CASE("a host list that is none, or has a host twice, is refused") {
    check_all_in(refused(flags({{"hosts", "fp-[3-1]"}}), named("fp-1"), ExitCode::settings),
                 {"fp-[3-1]", "flag --hosts"});
    check_all_in(refused(flags({{"hosts", "a,b,a"}}), named("b")), {"a,b,a", "names a twice"});
    refused(flags({{"hosts", "fp-[0-3],fp-2"}}), named("fp-1"));
}

TEST_CASE("sizes that do not rise are refused with their origins") {
    check_all_in(
        refused(flags({{"min-size", "5"}, {"size", "4"}}), named("fp-1"), ExitCode::settings),
        {"min size 5 (flag --min-size)", "size 4 (flag --size)"});
    check_all_in(
        refused(flags({{"max-size", "2"}}), worker_set("lws-0", "0", "4"), ExitCode::settings),
        {"size 4 (LWS_GROUP_SIZE)", "max size 2 (flag --max-size)"});
    auto identity =
        accepted(flags({{"min-size", "2"}, {"size", "4"}, {"max-size", "8"}}), named("fp-1"));
    CHECK(identity.min_size == 2);
    CHECK(identity.hosts.encode() == "fp-[0-7]");
}

TEST_CASE("a host format makes the names, and the hostname's place among them is the rank") {
    CHECK(accepted(flags({{"size", "4"}, {"host-format", "node%i"}}), named("node3")).rank == 3);
    CHECK(accepted(flags({{"size", "4"}, {"host-format", "%n-%i-x"}, {"cluster-name", "fp"}}),
                   named("fp-2-x"))
              .rank == 2);
    CHECK(accepted(flags({{"size", "4"}, {"host-format", "%n-%i"}}), named("fp-2")).rank == 2);
    CHECK(accepted(flags({{"size", "12"}, {"host-format", "r%ih%i"}}), named("r11h11")).rank == 11);
    CHECK(accepted(flags({{"size", "12"}, {"host-format", "n1%i"}}), named("n111")).rank == 11);
    CHECK(accepted(flags({{"host-format", "solo"}}), named("solo")).rank == 0);
    check_all_in(refused(flags({{"size", "4"}, {"host-format", "node%i"}}), named("node4")),
                 {"node4", "not among node[0-3]"});
    check_all_in(refused(flags({{"size", "4"}, {"host-format", "w%i"}}), indexed_job("fp-2", "2")),
                 {"index 2 (JOB_COMPLETION_INDEX) is host w2", "fp-2"});
}

TEST_CASE("a host format with an unknown token, or without index for several pods, is error 10") {
    for (const auto* format : {"%n-%d", "%", "fp-%i%", "%%%", "%I"}) {
        CAPTURE(format);
        check_all_in(refused(flags({{"size", "4"}, {"host-format", format}}), named("fp-1"),
                             ExitCode::settings),
                     {format, "flag --host-format"});
    }
    check_all_in(
        refused(flags({{"size", "4"}, {"host-format", "%n"}}), named("fp"), ExitCode::settings),
        {"without %i all 4 hosts have one name"});
    // %% is a percent sign, which no host name may have.
    refused(flags({{"size", "4"}, {"host-format", "a%%%i"}, {"index", "1"}}), named("fp-1"));
}

TEST_CASE("a hostname with dots of its own: the whole of it has the ordinal") {
    auto identity = identify(flags({{"size", "3"}}), mpi_job("my.job-worker-1", "worker"));
    REQUIRE_MESSAGE(identity, identity.error().message());
    CHECK(identity->rank == 2);
    CHECK(identity->hostname == "my.job-worker-1");
    CHECK(identity->hosts.encode() == "my.job-launcher,my.job-worker-[0-1]");

    auto refused = identify(flags({{"size", "3"}}), named("my.job-worker-1"));
    REQUIRE_FALSE(refused);
    CHECK(contains(refused.error().message(),
                   "hostname my (the first label of my.job-worker-1, the kernel's)"));
    auto whole = identify(flags({{"size", "3"}}), mpi_job("my-worker-1.ns.site-1", "worker"));
    REQUIRE_MESSAGE(whole, whole.error().message());
    CHECK(whole->hostname == "my-worker-1");
}

TEST_CASE("a name in the middle of the hosts that Flux would refuse: refused with its rank") {
    auto bad = identify(flags({{"hosts", "a,b,c_d,e"}}), named("a"));
    REQUIRE_FALSE(bad);
    CHECK(contains(bad.error().message(), "use c_d as the host of rank 2"));
    const std::string longest(63, 'x');
    auto late = identify(flags({{"hosts", "a," + std::string(62, 'x') + "[9-10],e"}}), named("a"));
    REQUIRE_FALSE(late);
    CHECK(contains(late.error().message(), "as the host of rank 2"));
    auto address = identify(flags({{"hosts", "a," + longest + "." + longest + "." + longest + ",e"},
                                   {"service", std::string(50, 's')},
                                   {"namespace", "ns"}}),
                            named("a"));
    REQUIRE_FALSE(address);
    CHECK(contains(address.error().message(), "as the address of rank 1"));
}

TEST_CASE("render for another pod takes the hostname from the index") {
    const auto settings = flags({{"cluster-name", "fp"}, {"size", "4"}, {"index", "2"}});
    auto identity = accepted(settings, named("my_laptop.local"), true);
    CHECK(identity.rank == 2);
    CHECK(identity.hostname == "fp-2");
    CHECK(identity.kernel_hostname.empty());
    CHECK(accepted(flags({{"cluster-name", "fp"}, {"size", "4"}, {"all", ""}}), named("laptop-9"),
                   true)
              .hosts.encode() == "fp-[0-3]");
    CHECK(accepted(flags({{"size", "4"}, {"index", "1"}}), named("vm"), true).hostname == "vm-1");
    CHECK(accepted(flags({{"hosts", "a,b,c"}, {"index", "1"}}), named("vm"), true).hostname == "b");
    CHECK(accepted(flags({{"all", ""}}), named("vm"), true).hostname == "vm");
    CHECK(accepted(flags({{"cluster-name", "fp"}, {"index", "0"}}), named("vm"), true).hostname ==
          "fp-0");
    CHECK(contains(
        refused(flags({{"size", "4"}, {"index", "4"}}), named("vm"), ExitCode::identity, true),
        "outside 0..3"));
}

TEST_CASE("render in a pod, or with a hostname, keeps to that pod") {
    const auto settings = flags({{"cluster-name", "fp"}, {"size", "4"}, {"index", "2"}});
    refused(settings, indexed_job("fp-1", "1"), ExitCode::identity, true);
    refused(settings, stateful_set("fp-1", "1"), ExitCode::identity, true);
    auto with_hostname = settings;
    with_hostname.hostname = "fp-1";
    refused(with_hostname, named("vm"), ExitCode::identity, true);
    CHECK(accepted(flags({{"size", "4"}}), named("fp-3"), true).rank == 3);
    refused(flags({{"size", "4"}}), named("vm"), ExitCode::identity, true);
    CHECK(accepted(flags({{"size", "4"}, {"all", ""}}), indexed_job("fp-3", "3"), true).rank == 3);
}

TEST_CASE("the reverse name: asked for only if no other source gives the rank") {
    const auto four = flags({{"size", "4"}});
    CHECK(needs_reverse_name(four, named("3f2a9c81d0be")));
    CHECK(needs_reverse_name(four, named("123456789012")));
    CHECK(needs_reverse_name(flags({{"hosts", "p-s-[1-4]"}}), named("3f2a9c81d0be")));
    CHECK(needs_reverse_name(flags({{"size", "4"}, {"host-format", "p%i"}}), named("fp-1")));
    CHECK_FALSE(needs_reverse_name(Settings(), named("3f2a9c81d0be")));
    CHECK_FALSE(needs_reverse_name(four, named("fp-1")));
    CHECK_FALSE(needs_reverse_name(four, indexed_job("vm", "1")));
    CHECK_FALSE(needs_reverse_name(four, stateful_set("vm", "1")));
    CHECK_FALSE(needs_reverse_name(Settings(), worker_set("vm", "0", "4")));
    CHECK_FALSE(needs_reverse_name(four, mpi_job("vm", "worker")));
    CHECK_FALSE(needs_reverse_name(flags({{"size", "4"}, {"index", "1"}}), named("vm")));
    CHECK_FALSE(needs_reverse_name(flags({{"size", "4"}, {"hostname", "vm"}}), named("x")));
    CHECK_FALSE(needs_reverse_name(flags({{"size", "4"}, {"all", ""}}), named("vm")));
    CHECK_FALSE(needs_reverse_name(flags({{"hosts", "a,b"}}), named("b")));
    CHECK_FALSE(needs_reverse_name(flags({{"hosts", "a,["}}), named("b")));
    CHECK_FALSE(needs_reverse_name(flags({{"size", "4"}, {"host-format", "p%i"}}), named("p1")));
}

TEST_CASE("a reverse name finds its place in a host list") {
    CHECK(accepted(flags({{"hosts", "p-db-1,p-s-[1-3]"}}), replica("p-s-3")).rank == 3);
    auto identity = accepted(flags({{"size", "4"}}), replica("p-s-2.p_default"));
    CHECK(identity.hostname == "p-s-2");
    CHECK(identity.kernel_hostname == "3f2a9c81d0be");
}

TEST_CASE("addresses are names below the headless service, or the bare names") {
    auto identity = accepted(flags({{"size", "4"},
                                    {"service", "flux-service"},
                                    {"namespace", "ns"},
                                    {"cluster-domain", "k8s.test."}}),
                             named("fp-1"));
    CHECK(identity.address_suffix() == ".flux-service.ns.svc.k8s.test");
    CHECK(identity.address_of(0) == "fp-0.flux-service.ns.svc.k8s.test");
    identity = accepted(flags({{"size", "4"}}), named("fp-1"));
    CHECK(identity.address_suffix().empty());
    CHECK(identity.address_of(3) == "fp-3");
}

TEST_CASE(
    "the namespace is asked of setting, variable, service account, resolv.conf, in this order") {
    auto facts = named("fp-0");
    const auto settings = flags({{"size", "2"}, {"service", "s"}});
    auto suffix = [&] { return accepted(settings, facts).address_suffix(); };
    CHECK(suffix() == ".s.default.svc.cluster.local");
    facts.resolv_conf.search = {"four.svc.k8s.test", "svc.k8s.test", "k8s.test"};
    CHECK(suffix() == ".s.four.svc.k8s.test");
    facts.namespace_file = "three";
    CHECK(suffix() == ".s.three.svc.k8s.test");
    facts.pod_namespace = "";
    CHECK(suffix() == ".s.three.svc.k8s.test");
    facts.pod_namespace = "two";
    CHECK(suffix() == ".s.two.svc.k8s.test");
    CHECK(accepted(flags({{"service", "s"}, {"namespace", "one"}}), named("vm")).address_suffix() ==
          ".s.one.svc.cluster.local");
}

TEST_CASE("a part of the address that is not a name: refused with its origin") {
    auto facts = named("fp-0");
    facts.pod_namespace = "evil\"]\nhost";
    check_all_in(refused(flags({{"size", "2"}, {"service", "s"}}), facts, ExitCode::settings),
                 {"namespace", "POD_NAMESPACE"});
    CHECK(accepted(flags({{"size", "2"}}), facts).address_suffix().empty());
    check_all_in(refused(flags({{"size", "2"}, {"service", "flux_service"}}), named("fp-0"),
                         ExitCode::settings),
                 {"service", "flux_service", "flag --service"});
    std::string domain = "d";
    while (domain.size() < 240) domain += ".d";
    refused(flags({{"size", "2"}, {"service", "service"}, {"cluster-domain", domain}}),
            named("fp-0"));
}

TEST_CASE("another rank of the same cluster has its own name and no kernel") {
    auto own = accepted(flags({{"size", "4"}}), named("fp-1"));
    auto other = as_rank(own, 3);
    CHECK(other.rank == 3);
    CHECK(other.hostname == "fp-3");
    CHECK(other.kernel_hostname.empty());
    CHECK(other.hosts.encode() == own.hosts.encode());
    CHECK(as_rank(own, 1).kernel_hostname == "fp-1");
}

TEST_CASE("a hundred thousand pods cost what one costs") {
    auto identity = accepted(flags({{"size", "100000"}}), indexed_job("fp-99999", "99999"));
    CHECK(identity.rank == 99999);
    CHECK(identity.hosts.encode() == "fp-[0-99999]");
}
