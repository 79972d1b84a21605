// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/archive.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "fluxpod/formats/job_eventlog.hpp"
#include "tar_archive.hpp"
#include "temp_dir.hpp"

namespace fluxpod {
namespace {

Result<ArchiveContent> archive_dump(const std::string& dump, const std::string& archive) {
    Progress progress;
    return fluxpod::archive_dump(dump, archive, progress);
}

using test::tar_end;
using test::tar_entry;
using test::tar_of;
using test::TempDir;

const std::string first = "job/0000/0003/9d00/0000";  // ƒQeMYfy
const std::string second = "job/0000/0005/1300/0000";
const std::string pending = "{\"name\":\"submit\"}\n{\"name\":\"priority\"}\n";
const std::string cut =
    pending +
    "{\"name\":\"alloc\"}\n{\"name\":\"exception\",\"context\":{\"severity\":0,\"note\":\"" +
    cut_note + "\"}}\n{\"name\":\"finish\",\"context\":{\"status\":15}}\n";

std::string whole_dump() {
    return tar_of({{"resource/eventlog", "{}\n"},
                   {"resource/R", "{\"version\":1}"},
                   {first + "/J", "signed"},
                   {first + "/R", "{}"},
                   {first + "/eventlog", cut},
                   {second + "/R", "{}"},
                   {second + "/eventlog", pending},
                   {second + "/guest/output", std::string(100000, 'o')},
                   {first + "/guest/output", "half"}});
}

TEST_CASE("no archive: nothing to restore") {
    TempDir dir;
    auto content = inspect_archive(dir / "missing");
    REQUIRE(content);
    CHECK_FALSE(content->has_value());
}

TEST_CASE("a whole archive is known by its jobs") {
    TempDir dir;
    auto content = inspect_archive(dir.write("a", whole_dump()));
    REQUIRE(content);
    REQUIRE(content->has_value());
    CHECK((*content)->jobs == 2);
    CHECK((*content)->again.empty());
}

TEST_CASE(
    "an archive names the jobs that were cut to save it, and the next one does not repeat them") {
    TempDir dir;
    REQUIRE(archive_dump(dir.write("dump", whole_dump()), dir / "archive"));
    auto content = inspect_archive(dir / "archive");
    REQUIRE((content && content->has_value()));
    CHECK((*content)->again == std::vector<std::string>{"ƒQeMYfy"});
    auto next = archive_dump(dir.write("dump", dir.read("archive")), dir / "archive");
    REQUIRE(next);
    CHECK(next->again.empty());
    content = inspect_archive(dir / "archive");
    REQUIRE((content && content->has_value()));
    CHECK((*content)->again.empty());
}

TEST_CASE("a dump becomes an archive in which cut jobs are pending and the hardware is unknown") {
    TempDir dir;
    const auto dump = dir.write("dump", whole_dump());
    auto content = archive_dump(dump, dir / "archive");
    REQUIRE(content);
    CHECK(content->again == std::vector<std::string>{"ƒQeMYfy"});
    CHECK(dir.read("archive") == tar_of({{"resource/eventlog", "{}\n"},
                                         {first + "/J", "signed"},
                                         {first + "/eventlog", pending},
                                         {second + "/R", "{}"},
                                         {second + "/eventlog", pending},
                                         {second + "/guest/output", std::string(100000, 'o')},
                                         {"fluxpod/again", "ƒQeMYfy\n"}}));
    CHECK(dir.count() == 1);
    struct stat info {};
    REQUIRE(::stat((dir / "archive").c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0600);
}

TEST_CASE("no job was cut: every byte is kept") {
    TempDir dir;
    const auto dump =
        dir.write("dump", tar_of({{"resource/eventlog", "{}\n"}, {first + "/R", "{}"}}));
    const std::string once = dir.read("dump");
    REQUIRE(archive_dump(dump, dir / "archive"));
    CHECK(dir.read("archive") == once);
}

TEST_CASE("a guest's link into the namespace of a run is left out with the run") {
    TempDir dir;
    const std::string link = test::tar_header(first + "/guest", '2', 0);
    const auto dump = dir.write("dump", tar_entry("resource/eventlog", "") +
                                            tar_entry(first + "/eventlog", cut) + link + tar_end());
    REQUIRE(archive_dump(dump, dir / "archive"));
    CHECK(dir.read("archive").find("guest") == std::string::npos);
}

TEST_CASE("a name that only a pax record can hold is kept, and is seen") {
    TempDir dir;
    const std::string name = first + "/guest/" + std::string(200, 'n');
    const std::string record = "path=" + name + "\n";
    const std::string pax = std::to_string(record.size() + 4) + " " + record;
    const std::string entry = tar_entry("pax", pax, 'x') + tar_entry("cut", "content");
    const auto dump = dir.write("dump", tar_entry("resource/eventlog", "") + entry + tar_end());
    REQUIRE(archive_dump(dump, dir / "archive"));
    CHECK(dir.read("archive").find(entry) != std::string::npos);
    const auto of_cut =
        dir.write("dump", tar_entry("resource/eventlog", "") + tar_entry(first + "/eventlog", cut) +
                              entry + tar_end());
    REQUIRE(archive_dump(of_cut, dir / "archive"));
    CHECK(dir.read("archive").find("content") == std::string::npos);
}

TEST_CASE("every cut of an archive is refused, and the one before stays") {
    TempDir dir;
    const std::string whole = tar_of({{"resource/eventlog", "{}\n"}, {first + "/eventlog", cut}});
    const auto archive = dir.write("archive", whole);
    for (std::size_t size = 0; size < whole.size(); size += 100) {
        CAPTURE(size);
        const auto dump = dir.write("dump", whole.substr(0, size));
        CHECK_FALSE(inspect_archive(dump));
        auto saved = archive_dump(dump, archive);
        REQUIRE_FALSE(saved);
        CHECK(saved.error().code == ExitCode::files);
        CHECK(dir.read("archive") == whole);
        CHECK(dir.count() == 2);
    }
}

TEST_CASE("what is not Flux's is refused with its reason") {
    struct Row {
        std::string bytes, reason;
    };
    const Row rows[] = {
        {"", "it is empty"},
        {"some text", "cut off"},
        {std::string(2000, 'x'), "wrong checksum"},
        {std::string("\x1f\x8b\x08\x00", 4), "compressed"},
        {tar_of({{"etc/passwd", "root"}}), "not one of Flux's"},
        {tar_end(), "not one of Flux's"},
        {test::tar_header("resource/eventlog", '0', 1U << 30U), "cut off"},
        {test::tar_header("pax", 'x', 1U << 30U), "too long"},
    };
    for (const auto& row : rows) {
        TempDir dir;
        auto content = inspect_archive(dir.write("a", row.bytes));
        REQUIRE_FALSE(content);
        CHECK(content.error().code == ExitCode::files);
        CAPTURE(content.error().cause);
        CHECK(content.error().cause.find(row.reason) != std::string::npos);
    }
}

TEST_CASE("a directory or a FIFO as archive: refused") {
    TempDir dir;
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
    CHECK_FALSE(inspect_archive(dir / "fifo"));
    CHECK_FALSE(inspect_archive(dir.path()));
}

// As a full disk ends it, without one: the limit of file sizes.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t most) {
        (void)std::signal(SIGXFSZ, SIG_IGN);
        (void)::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{.rlim_cur = most, .rlim_max = before_.rlim_max};
        (void)::setrlimit(RLIMIT_FSIZE, &limit);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() { (void)::setrlimit(RLIMIT_FSIZE, &before_); }

  private:
    rlimit before_{};
};

TEST_CASE("no room: the old archive and the dump stay, and no draft") {
    TempDir dir;
    const std::string old = tar_of({{"resource/eventlog", "old"}});
    const auto archive = dir.write("archive", old);
    const auto dump = dir.write("dump", whole_dump());
    for (const rlim_t most : {rlim_t{0}, rlim_t{512}, rlim_t{5000}, rlim_t{60000}}) {
        tl::expected<ArchiveContent, Error> saved;
        {
            const FileSizeLimit limit(most);
            saved = archive_dump(dump, archive);
        }
        REQUIRE_FALSE(saved);
        CHECK(saved.error().subject == archive);
        CHECK(dir.read("archive") == old);
        CHECK(dir.read("dump") == whole_dump());
        CHECK(dir.count() == 2);
    }
    CHECK(archive_dump(dump, archive));
}

TEST_CASE("a killed save's draft: the next save removes it") {
    TempDir dir;
    dir.write("archive.new", "half");
    REQUIRE(archive_dump(dir.write("dump", whole_dump()), dir / "archive"));
    CHECK(dir.count() == 1);
}

TEST_CASE("a directory that is not there is an error that names the archive") {
    TempDir dir;
    auto saved = archive_dump(dir.write("dump", whole_dump()), dir / "no/archive");
    REQUIRE_FALSE(saved);
    CHECK(saved.error().subject == dir / "no/archive");
}

TEST_CASE("an archive that is a link: written where the link points to, and the link stays") {
    for (const bool dangling : {false, true}) {
        CAPTURE(dangling);
        TempDir dir;
        std::filesystem::create_directory(dir / "volume");
        if (!dangling) dir.write("volume/kept", tar_of({{"resource/eventlog", "old"}}));
        std::filesystem::create_symlink("kept", dir / "volume/second");
        std::filesystem::create_symlink(dir / "volume/second", dir / "archive");
        REQUIRE(archive_dump(dir.write("dump", whole_dump()), dir / "archive"));
        CHECK(std::filesystem::is_symlink(dir / "archive"));
        CHECK(
            std::filesystem::is_regular_file(std::filesystem::symlink_status(dir / "volume/kept")));
        auto content = inspect_archive(dir / "archive");
        REQUIRE((content && content->has_value()));
        CHECK((*content)->jobs == 2);
        CHECK(dir.count() == 2);
    }
}

TEST_CASE("links in a circle: an error, and the dump stays") {
    TempDir dir;
    std::filesystem::create_symlink("archive", dir / "archive");
    CHECK_FALSE(archive_dump(dir.write("dump", whole_dump()), dir / "archive"));
    CHECK(dir.read("dump") == whole_dump());
    CHECK(std::filesystem::is_symlink(dir / "archive"));
}

TEST_CASE("a pipe in the archive's place: refused, pipe and dump stay") {
    TempDir dir;
    REQUIRE(::mkfifo((dir / "archive").c_str(), 0600) == 0);
    auto saved = archive_dump(dir.write("dump", whole_dump()), dir / "archive");
    REQUIRE_FALSE(saved);
    CHECK(saved.error().cause == "it is not a regular file");
    CHECK(std::filesystem::is_fifo(dir / "archive"));
    CHECK(dir.count() == 2);
}

TEST_CASE("a chain of pax headers: refused after 1 MiB") {
    const std::string pax = tar_entry("pax", "9 path=a\n", 'x');
    std::string chain = tar_entry("resource/eventlog", "");
    for (std::size_t size = 0; size <= std::size_t{1} << 20U; size += pax.size()) chain += pax;
    TempDir dir;
    auto content = inspect_archive(dir.write("a", chain + tar_entry("end", "") + tar_end()));
    REQUIRE_FALSE(content);
    CHECK(content.error().cause == "its pax records are too long");
}

TEST_CASE("an eventlog of more than 4 MiB: a job, copied as it is") {
    TempDir dir;
    std::string large = pending;
    while (large.size() <= std::size_t{4} << 20U) large += cut;
    const auto dump =
        dir.write("dump", tar_of({{"resource/eventlog", ""}, {first + "/eventlog", large}}));
    auto content = archive_dump(dump, dir / "archive");
    REQUIRE(content);
    CHECK(content->jobs == 1);
    CHECK(content->again.empty());
    CHECK(dir.read("archive") == tar_of({{"resource/eventlog", ""}, {first + "/eventlog", large}}));
}

}  // namespace
}  // namespace fluxpod
