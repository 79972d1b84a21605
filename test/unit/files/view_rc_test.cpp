// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/view_rc.hpp"

#include <doctest/doctest.h>

#include <string>

#include "fluxpod/files/render.hpp"
#include "fluxpod/plan/make.hpp"
#include "sample_cluster.hpp"

namespace fluxpod {
namespace {

Plan plan_with(const std::string& view) {
    Settings settings = test::sample_settings();
    settings.view = view;
    auto plan = make_plan(settings, test::sample_identity(1, 4), test::sample_bind(),
                          test::sample_node(2), "");
    REQUIRE(plan);
    return *plan;
}

TEST_CASE("with a view: the job shell's file is rendered") {
    for (const std::string view : {"", "/opt/view"}) {
        const auto files = render_files(plan_with(view));
        REQUIRE(files);
        const bool rendered = files->back().path == "/run/fluxpod/etc/flux/shell/fluxpod-view.lua";
        CHECK(rendered != view.empty());
    }
}

TEST_CASE("what a path has of Lua's own signs stays in its string") {
    const std::string text = render_view_rc(plan_with("/v\"\\ ]]%"));
    CHECK(text.find(R"(take_out ("SHELL", "/v\034\092\032\093\093\037/bin/bash"))") !=
          std::string::npos);
}

}  // namespace
}  // namespace fluxpod
