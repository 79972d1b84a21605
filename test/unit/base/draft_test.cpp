// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/draft.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "temp_dir.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;

namespace {

std::string place_of(const TempDir& dir, const Draft& draft) {
    return dir / std::filesystem::path(draft.name).filename().string();
}

}  // namespace

TEST_CASE("a draft of a live owner: not abandoned, until the owner is gone") {
    for (const auto kind : {DraftKind::file, DraftKind::directory}) {
        const TempDir dir;
        auto draft = make_draft(AT_FDCWD, dir / "view", kind);
        REQUIRE(draft);
        const std::string name = draft->name;
        CHECK(std::filesystem::is_directory(place_of(dir, *draft)) ==
              (kind == DraftKind::directory));
        CHECK(find_abandoned_drafts(AT_FDCWD, dir / "view").empty());
        draft->fd.reset();
        const auto found = find_abandoned_drafts(AT_FDCWD, dir / "view");
        REQUIRE(found.size() == 1);
        CHECK(found.front().name == name);
        CHECK_MESSAGE(find_abandoned_drafts(AT_FDCWD, dir / "view").empty(),
                      "a second cleaner leaves it to the first");
    }
}

TEST_CASE("drafts of another name, links and pipes: never abandoned drafts") {
    const TempDir dir;
    std::filesystem::create_directory(dir / "view.fluxpod-abcdef.old");
    std::filesystem::create_directory(dir / "views.fluxpod-abcdef");
    std::filesystem::create_directory(dir / "view.fluxpod-ABCDEF");
    std::filesystem::create_directory_symlink("views.fluxpod-abcdef", dir / "view.fluxpod-aaaaaa");
    REQUIRE(::mkfifo((dir / "view.fluxpod-bbbbbb").c_str(), 0600) == 0);
    CHECK(find_abandoned_drafts(AT_FDCWD, dir / "view").empty());
    CHECK(find_abandoned_drafts(AT_FDCWD, dir / "missing/view").empty());
}

TEST_CASE("a draft below an open directory: named relative to it") {
    const TempDir dir;
    const Fd below(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto draft = make_draft(below.get(), "file", DraftKind::file);
    REQUIRE(draft);
    CHECK(draft->name.starts_with("file.fluxpod-"));
    CHECK(std::filesystem::exists(dir / draft->name));
    draft->fd.reset();
    CHECK(find_abandoned_drafts(below.get(), "file").size() == 1);
}
