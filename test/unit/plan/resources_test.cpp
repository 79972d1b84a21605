// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/resources.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

using Words = std::vector<std::string>;

Result<std::optional<ResourceSet>> declared(const Words& groups, std::uint32_t size = 4) {
    Settings settings;
    settings.resource_config = groups;
    settings.origins["resource-config"] = "flag --resource-config";
    return declared_resources(settings, test::sample_identity(0, size).hosts);
}

TEST_CASE("groups become entries of R with their properties") {
    auto set = declared({"fp-0=cores:2", "fp-[1-2]=cores:8,gpus:4,property:gpu,property:a100",
                         "fp-3=property:gpu,cores:16"});
    REQUIRE_MESSAGE(set, (set ? "" : set.error().message()));
    CHECK((*set)->encode() == R"({"version":1,"execution":{"R_lite":[)"
                              R"({"rank":"0","children":{"core":"0-1"}},)"
                              R"({"rank":"1-2","children":{"core":"0-7","gpu":"0-3"}},)"
                              R"({"rank":"3","children":{"core":"0-15"}}],)"
                              R"("starttime":0,"expiration":0,"nodelist":["fp-[0-3]"],)"
                              R"("properties":{"a100":"1-2","gpu":"1-3"}}})"
                              "\n");
    CHECK(ResourceSet::parse((*set)->encode()));
    CHECK(declared_cores(*set, 0) == 2U);
    CHECK(declared_cores(*set, 2) == 8U);
    CHECK(declared_cores(*set, 3) == 16U);
}

TEST_CASE("without groups the pods are equal, and R is from this pod's hardware") {
    CHECK_FALSE(declared({})->has_value());
    CHECK_FALSE(declared_cores(std::nullopt, 0));
    const NodeShape shape = test::sample_node(3).shape;
    auto set = describe_resources({}, test::sample_identity(0, 4).hosts, shape);
    REQUIRE(set);
    CHECK((*set)->entries.front().ranks.encode() == "0-3");
    CHECK((*set)->entries.front().cores.encode() == "0-2");
}

TEST_CASE("what is declared needs no hardware, and nothing is said where Flux discovers") {
    Settings settings;
    settings.resource_config = {"fp-[0-3]=cores:2"};
    const Hostlist hosts = test::sample_identity(0, 4).hosts;
    CHECK(describe_resources(settings, hosts, {})->has_value());
    settings.resources = ResourcesMode::discover;
    CHECK_FALSE(describe_resources(settings, hosts, {})->has_value());
}

TEST_CASE("a wrong group is refused with its text, its fault and where it came from") {
    struct Row {
        Words groups;
        std::string_view cause;
    };
    for (const Row& row : {
             Row{{"fp-[0-2]=cores:2"}, "fp-3 is in no group"},
             Row{{"fp-[0-3]=cores:2", "fp-1=cores:2"}, "fp-1 has its resources already"},
             Row{{"fp-[0-4]=cores:2"}, "fp-4 is not in the host list"},
             Row{{"fp-[0-3]=gpus:1"}, "it names no cores"},
             Row{{"fp-[0-3]=cores:0"}, "needs a number from 1"},
             Row{{"fp-[0-3]=cores:99999999"}, "to 65536"},
             Row{{"fp-[0-3]=cores"}, "needs a number"},
             Row{{"fp-[0-3]=cores:1,gpus:-1"}, "needs a number from 0"},
             Row{{"fp-[0-3]=cores:1,property:a|b"}, "cannot be the name of a property"},
             Row{{"fp-[0-3]=cores:1,property:"}, "cannot be the name of a property"},
             Row{{"fp-[0-3]=cores:1,"}, "is none of cores:N"},
             Row{{"fp-[0-3]=sockets:1"}, "is none of cores:N"},
             Row{{"=cores:1"}, "names no hosts"},
             Row{{"fp-[0=cores:1"}, "fp-[0"},
             Row{{"fp-0"}, "it is not HOSTS=cores:N"},
         }) {
        auto set = declared(row.groups);
        CAPTURE(row.groups.back());
        REQUIRE_FALSE(set);
        CHECK(set.error().code == ExitCode::settings);
        CAPTURE(set.error().message());
        CHECK(set.error().message().find(row.cause) != std::string::npos);
        CHECK(set.error().message().find("flag --resource-config") != std::string::npos);
    }
}

}  // namespace
}  // namespace fluxpod
