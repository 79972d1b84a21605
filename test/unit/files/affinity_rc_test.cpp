// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/affinity_rc.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "fluxpod/files/render.hpp"
#include "fluxpod/plan/make.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

TEST_CASE("a share that floats: the job shell is told not to bind jobs to cores") {
    for (const bool floats : {false, true}) {
        NodeShare node = test::sample_node(2);
        node.judgement.floats = floats;
        auto plan = make_plan(test::sample_settings(), test::sample_identity(1, 4),
                              test::sample_bind(), node, "");
        REQUIRE(plan);
        const auto& append = plan->launch.append_environment;
        CHECK(std::ranges::any_of(append, [](const auto& entry) {
                  return entry.first == "FLUX_SHELL_RC_PATH" &&
                         entry.second == "/run/fluxpod/etc/flux/shell";
              }) == floats);
        const auto files = render_files(*plan);
        REQUIRE(files);
        CHECK((files->back().path == "/run/fluxpod/etc/flux/shell/fluxpod-affinity.lua") == floats);
        CHECK(std::ranges::any_of(plan->directories, [](const auto& directory) {
                  return directory.path == "/run/fluxpod/etc/flux/shell";
              }) == floats);
    }
}

}  // namespace
}  // namespace fluxpod
