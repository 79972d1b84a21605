// SPDX-License-Identifier: Apache-2.0
// Mounts that are read-only, noexec or full are tried in test/cluster/test_scratch.py.
#include "fluxpod/identity/scratch_facts.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "temp_dir.hpp"

namespace fluxpod {
namespace {

using test::TempDir;

TEST_CASE("a directory of ours: takes files and programs, and nothing stays in it") {
    const TempDir directory;
    const auto place = try_scratch_place(directory.path());
    CHECK(place.path == directory.path());
    CHECK(place.no_files.empty());
    CHECK(place.no_programs.empty());
    CHECK(place.free_bytes > 0);
    CHECK(directory.count() == 0);
}

TEST_CASE("a directory that takes no files: the kernel's reason") {
    const TempDir directory;
    CHECK(try_scratch_place(directory / "missing").no_files == "No such file or directory");
    CHECK(try_scratch_place(directory.write("file", "x")).no_files == "Not a directory");
    CHECK(try_scratch_place("/proc").no_files != "");
    CHECK(try_scratch_place("/proc").no_programs != "");
}

TEST_CASE("a name that depends on the working directory, or none: refused") {
    CHECK(try_scratch_place("tmp").no_files == "it is not an absolute path");
    CHECK(try_scratch_place("").no_files == "it is not an absolute path");
}

TEST_CASE("variables of the environment: looked at if they are set") {
    const TempDir directory;
    auto facts = read_scratch_facts(Environment(), directory.path());
    CHECK(!facts.tmpdir);
    CHECK(!facts.home);
    CHECK(!facts.home_exists);
    CHECK(facts.tmp.path == "/tmp");
    CHECK(facts.var_tmp.path == "/var/tmp");

    const Environment environment(
        {"TMPDIR=" + directory / "missing", "HOME=" + directory.path().string()});
    facts = read_scratch_facts(environment, directory.path());
    REQUIRE(facts.tmpdir);
    CHECK(facts.tmpdir->no_files != "");
    REQUIRE(facts.home);
    CHECK(facts.home->no_files.empty());
    CHECK(facts.home_exists);
}

TEST_CASE("a root that is made later: judged by what exists of the way to it") {
    const TempDir directory;
    const std::string root = directory / "a/b";
    const auto facts = read_scratch_facts(Environment(), root);
    CHECK(facts.root.path == root);
    CHECK(facts.root.no_files.empty());
    CHECK(facts.root.no_programs.empty());
    CHECK(directory.count() == 0);
}

}  // namespace
}  // namespace fluxpod
