// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/apply.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>

#include "fluxpod/files/certificate.hpp"
#include "fluxpod/plan/make.hpp"
#include "sample_cluster.hpp"
#include "temp_dir.hpp"
#include "tiny_mount.hpp"
#include "umask.hpp"

namespace fluxpod {
namespace {

using test::TempDir;
using test::TinyMount;
using test::Umask;

std::string mode_of(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return "absent";
    return fmt::format("{:o}", info.st_mode & 07777U);
}

ino_t inode_of(const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

Plan plan_below(const std::string& root) {
    auto plan = make_plan(test::sample_settings(root), test::sample_identity(0, 2),
                          test::sample_bind(), test::sample_node(2), "");
    REQUIRE_MESSAGE(plan, (plan ? "" : plan.error().message()));
    return *plan;
}

const CurveCert& sample_cert() {
    static const CurveCert cert = CurveCert::generate();
    return cert;
}

std::optional<CurveCert> copy_of(const CurveCert& cert) {
    auto copied = CurveCert::parse(cert.encode());
    REQUIRE(copied);
    return std::optional<CurveCert>(std::move(*copied));
}

Result<std::vector<AppliedFile>> write_plan(const Plan& plan, const std::string& place = "") {
    auto files = render_files(plan);
    REQUIRE(files);
    return apply_files(plan, *files, copy_of(sample_cert()), place);
}

Error refusal_of(const Plan& plan) {
    auto applied = write_plan(plan);
    REQUIRE_FALSE(applied);
    CHECK(applied.error().code == ExitCode::files);
    CHECK_FALSE(applied.error().hint.empty());
    return applied.error();
}

// How many files there are below a directory whose name is not one of ours.
std::size_t strangers_below(const std::string& root) {
    const auto entries = std::filesystem::recursive_directory_iterator(root);
    return static_cast<std::size_t>(std::count_if(
        begin(entries), end(entries), [](const std::filesystem::directory_entry& entry) {
            const std::string name = entry.path().filename();
            return entry.is_regular_file() && name != "broker.toml" && name != "hostlist" &&
                   name != "R" && name != "curve.cert";
        }));
}

TEST_CASE("modes are exact, whatever the umask") {
    for (mode_t mask : {0000U, 0022U, 0027U, 0077U}) {
        TempDir dir;
        const std::string root = dir / "a/b/root";
        {
            const Umask set(mask);
            REQUIRE(write_plan(plan_below(root)));
        }
        CAPTURE(mask);
        CHECK(mode_of(dir / "a") == "755");
        CHECK(mode_of(dir / "a/b") == "755");
        CHECK(mode_of(root) == "755");
        CHECK(mode_of(root + "/etc/flux/config") == "755");
        CHECK(mode_of(root + "/etc/flux/config/broker.toml") == "644");
        CHECK(mode_of(root + "/etc/flux/system/R") == "644");
        CHECK(mode_of(root + "/etc/flux/system/hostlist") == "644");
        CHECK(mode_of(root + "/curve") == "700");
        CHECK(mode_of(root + "/curve/curve.cert") == "600");
        CHECK(mode_of(root + "/run/flux") == "755");
        CHECK(mode_of(root + "/var/lib/flux") == "700");
    }
}

TEST_CASE("what is written is what was rendered, and the certificate is whole") {
    TempDir dir;
    const Plan plan = plan_below(dir / "root");
    REQUIRE(write_plan(plan));
    auto files = render_files(plan);
    REQUIRE(files);
    for (const auto& file : *files) {
        CHECK(dir.read(std::filesystem::relative(file.path, dir.path()).string()) == file.bytes);
    }
    auto read = obtain_certificate({CertPlan::Source::file, plan.layout.curve_cert});
    REQUIRE(read);
    CHECK((*read)->public_key() == sample_cert().public_key());
    CHECK(strangers_below(dir / "root") == 0);
}

TEST_CASE("a second time nothing changes, not even an inode") {
    TempDir dir;
    const Plan plan = plan_below(dir / "root");
    auto first = write_plan(plan);
    REQUIRE(first);
    REQUIRE(first->size() == 4);
    CHECK(std::all_of(first->begin(), first->end(), [](const auto& file) { return file.changed; }));
    const ino_t cert = inode_of(plan.layout.curve_cert);
    const ino_t toml = inode_of(plan.layout.broker_toml);

    auto second = write_plan(plan);
    REQUIRE(second);
    CHECK(std::none_of(second->begin(), second->end(),
                       [](const auto& file) { return file.changed; }));
    CHECK(inode_of(plan.layout.curve_cert) == cert);
    CHECK(inode_of(plan.layout.broker_toml) == toml);
}

TEST_CASE("a file with another mode or other bytes is replaced, the others are left") {
    TempDir dir;
    const Plan plan = plan_below(dir / "root");
    REQUIRE(write_plan(plan));
    ::chmod(plan.layout.curve_cert.c_str(), 0644);
    dir.write("root/etc/flux/system/hostlist", "fp-[0-7]\n");
    auto again = write_plan(plan);
    REQUIRE(again);
    for (const auto& file : *again) {
        CAPTURE(file.path);
        CHECK(file.changed ==
              (file.path.ends_with("/curve.cert") || file.path.ends_with("hostlist")));
    }
    CHECK(mode_of(plan.layout.curve_cert) == "600");
    CHECK(dir.read("root/etc/flux/system/hostlist") == "fp-[0-1]\n");
}

TEST_CASE("a directory that exists keeps its mode") {
    TempDir dir;
    std::filesystem::create_directories(dir / "root/etc/flux");
    ::chmod((dir / "root/etc").c_str(), 0711);
    ::chmod((dir / "root").c_str(), 0777);
    REQUIRE(write_plan(plan_below(dir / "root")));
    CHECK(mode_of(dir / "root/etc") == "711");
    CHECK(mode_of(dir / "root") == "777");
}

TEST_CASE("the root may be reached through a link") {
    TempDir dir;
    std::filesystem::create_directory(dir / "real");
    std::filesystem::create_directory_symlink("real", dir / "link");
    REQUIRE(write_plan(plan_below(dir / "link/root")));
    CHECK(mode_of(dir / "real/root/curve/curve.cert") == "600");
}

TEST_CASE("a link at any step below the root is refused and not followed") {
    for (const char* step : {"etc", "etc/flux", "etc/flux/config", "etc/flux/system", "run",
                             "run/flux", "curve", "var", "var/lib", "var/lib/flux"}) {
        TempDir dir;
        std::filesystem::create_directory(dir / "elsewhere");
        const std::filesystem::path link = dir / (std::string("root/") + step);
        std::filesystem::create_directories(link.parent_path());
        std::filesystem::create_directory_symlink(dir / "elsewhere", link);
        const Error error = refusal_of(plan_below(dir / "root"));
        CAPTURE(step);
        CHECK(error.subject == link.string());
        CHECK(error.cause == "a symbolic link is in the way");
        CHECK(std::filesystem::is_empty(dir / "elsewhere"));
    }
}

TEST_CASE("a link where a file should be is refused, and its target is left alone") {
    for (const char* name : {"etc/flux/config/broker.toml", "curve/curve.cert"}) {
        TempDir dir;
        const Plan plan = plan_below(dir / "root");
        REQUIRE(write_plan(plan));
        dir.write("victim", "untouched");
        const std::string path = dir / (std::string("root/") + name);
        std::filesystem::remove(path);
        std::filesystem::create_symlink(dir / "victim", path);
        const Error error = refusal_of(plan);
        CHECK(error.subject == path);
        CHECK(error.hint.find("link") != std::string::npos);
        CHECK(dir.read("victim") == "untouched");
    }
}

TEST_CASE("a directory where a file should be is refused") {
    TempDir dir;
    std::filesystem::create_directories(dir / "root/etc/flux/system/R");
    const Error error = refusal_of(plan_below(dir / "root"));
    CHECK(error.subject == dir / "root/etc/flux/system/R");
    CHECK(error.cause == "Is a directory");
    CHECK(strangers_below(dir / "root") == 0);
}

TEST_CASE("a file where a directory should be is refused") {
    for (const char* name : {"root", "root/etc", "root/run/flux"}) {
        TempDir dir;
        dir.write(name, "");
        const Error error = refusal_of(plan_below(dir / "root"));
        CHECK(error.subject == dir / name);
        CHECK(error.cause == "Not a directory");
    }
}

TEST_CASE("a rundir that Flux would refuse is refused here") {
    TempDir dir;
    std::filesystem::create_directories(dir / "root/run/flux");
    ::chmod((dir / "root/run/flux").c_str(), 0555);
    const Error error = refusal_of(plan_below(dir / "root"));
    CHECK(error.message().find("0555") != std::string::npos);
}

TEST_CASE("a private directory of somebody else is refused") {
    if (::geteuid() != 0) return;  // only root can make one
    for (const char* name : {"root/curve", "root/run/flux", "root/var/lib/flux"}) {
        TempDir dir;
        std::filesystem::create_directories(dir / name);
        REQUIRE(::chown((dir / name).c_str(), 12345, 12345) == 0);
        const Error error = refusal_of(plan_below(dir / "root"));
        CHECK(error.subject == dir / name);
        CHECK(error.cause == "it belongs to uid 12345");
    }
}

TEST_CASE("a directory of another user below the root: refused, nothing is written") {
    if (::geteuid() != 0) return;  // only root can make one
    for (const char* name : {"root/etc", "root/etc/flux", "root/etc/flux/config", "root/run"}) {
        CAPTURE(name);
        TempDir dir;
        std::filesystem::create_directories(dir / name);
        REQUIRE(::chown((dir / name).c_str(), 12345, 12345) == 0);
        ::chmod((dir / name).c_str(), 0777);
        const Error error = refusal_of(plan_below(dir / "root"));
        CHECK(error.subject == dir / name);
        CHECK(error.cause == "it belongs to uid 12345");
        CHECK_FALSE(std::filesystem::exists(dir / "root/etc/flux/config/broker.toml"));
    }
}

TEST_CASE("a directory of ours that others may write to: their permission is taken away") {
    TempDir dir;
    std::filesystem::create_directories(dir / "root/etc/flux/config");
    ::chmod((dir / "root/etc").c_str(), 0777);
    ::chmod((dir / "root/etc/flux").c_str(), 01777);
    ::chmod((dir / "root/etc/flux/config").c_str(), 0775);
    if (::geteuid() == 0) {
        REQUIRE(::chown((dir / "root/etc/flux/config").c_str(), 0, 12345) == 0);
    }
    REQUIRE(write_plan(plan_below(dir / "root")));
    CHECK(mode_of(dir / "root/etc") == "775");
    CHECK(mode_of(dir / "root/etc/flux") == "1777");
    CHECK(mode_of(dir / "root/etc/flux/config") == (::geteuid() == 0 ? "755" : "775"));
}

TEST_CASE("files can be written in another place, with the bytes that the root needs") {
    TempDir dir;
    const Plan plan = plan_below("/run/fluxpod");
    auto applied = write_plan(plan, dir / "out/fp-0");
    REQUIRE_MESSAGE(applied, (applied ? "" : applied.error().message()));
    CHECK(applied->front().path == dir / "out/fp-0/etc/flux/config/broker.toml");
    CHECK(dir.read("out/fp-0/etc/flux/config/broker.toml").find("/run/fluxpod/curve/curve.cert") !=
          std::string::npos);
    CHECK(mode_of(dir / "out/fp-0/curve/curve.cert") == "600");

    auto of_slash = write_plan(plan_below("/"), dir / "slash");
    REQUIRE(of_slash);
    CHECK(of_slash->front().path == dir / "slash/etc/flux/config/broker.toml");
}

// Ends a limit that a test has set.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        (void)std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int);
};

TEST_CASE("a write that is cut off leaves the old file and no draft") {
    TempDir dir;
    const Plan plan = plan_below(dir / "root");
    dir.write("root/etc/flux/config/broker.toml", "# old\n");
    Result<std::vector<AppliedFile>> applied;
    {
        const FileSizeLimit limit(100);
        applied = write_plan(plan);
    }
    REQUIRE_FALSE(applied);
    CHECK(applied.error().code == ExitCode::files);
    CHECK(applied.error().subject == plan.layout.broker_toml);
    CHECK(applied.error().hint.find("ulimit") != std::string::npos);
    CHECK(dir.read("root/etc/flux/config/broker.toml") == "# old\n");
    CHECK(strangers_below(dir / "root") == 0);
}

TEST_CASE("a full disk is said to be full and what to do") {
    TempDir dir;
    const TinyMount tiny(dir / "root", "size=8k,nr_inodes=64");
    if (!tiny.mounted()) return;
    dir.write("root/ballast", std::string(4096, 'x'));
    const Error error = refusal_of(plan_below(dir / "root"));
    CHECK(error.cause == "No space left on device");
    CHECK(error.hint.find("room") != std::string::npos);
    CHECK(strangers_below(dir / "root") == 1);
}

TEST_CASE("no inode left is said, too") {
    TempDir dir;
    const TinyMount tiny(dir / "root", "size=1m,nr_inodes=4");
    if (!tiny.mounted()) return;
    CHECK(refusal_of(plan_below(dir / "root")).cause == "No space left on device");
}

TEST_CASE("a read-only root: reported as read-only, or accepted if it is complete") {
    TempDir dir;
    const TinyMount tiny(dir / "root", "size=1m");
    if (!tiny.mounted()) return;
    const Plan plan = plan_below(dir / "root");
    REQUIRE(write_plan(plan));
    REQUIRE(tiny.make_read_only());
    CHECK(write_plan(plan));

    Plan other = plan;
    other.identity.hosts.append("fp-9");
    const Error error = refusal_of(other);
    CHECK(error.cause == "Read-only file system");
    CHECK(error.hint.find("emptyDir") != std::string::npos);
    CHECK(refusal_of(plan_below(dir / "root/deeper")).cause == "Read-only file system");
}

TEST_CASE("a directory without write permission: refused with our uid") {
    if (::geteuid() == 0) return;  // permissions do not hold root back
    TempDir dir;
    std::filesystem::create_directory(dir / "root");
    ::chmod((dir / "root").c_str(), 0555);
    const Error error = refusal_of(plan_below(dir / "root"));
    CHECK(error.cause == "Permission denied");
    CHECK(error.hint.find(fmt::format("uid {}", ::geteuid())) != std::string::npos);
    ::chmod((dir / "root").c_str(), 0755);
}

}  // namespace
}  // namespace fluxpod
