// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/scratch_facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/file.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t trial_bytes = 4096;  // a block: a full disk still makes empty files

// Writes a block. Returns 0 or the errno.
int write_block(int fd) {
    const std::array<char, trial_bytes> block{};
    const auto written = write_all(fd, {block.data(), block.size()});
    return written ? 0 : written.error().error_number;
}

// access(2) and the mount's flag: an ordinary user's file is executable by its mode.
std::string why_not_executable(const std::string& file, const struct statvfs& mounted) {
    if (::access(file.c_str(), X_OK) == 0) return {};
    const int number = errno;
    if ((mounted.f_flag & ST_NOEXEC) != 0) return "it is mounted noexec";
    return describe_errno(number);
}

bool is_directory(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// "/run/fluxpod" is made later: "/run" stands for it as long as it is missing.
std::string nearest_existing(std::string path) {
    struct stat info {};
    while (path.size() > 1 && ::stat(path.c_str(), &info) != 0 && errno == ENOENT) {
        const auto slash = path.find_last_of('/');
        path = slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
    }
    return path;
}

}  // namespace

ScratchPlace try_scratch_place(const std::string& path) {
    ScratchPlace place{.path = path, .no_files = "", .no_programs = "", .free_bytes = 0};
    auto takes_none = [&](std::string cause) {
        place.no_files = place.no_programs = std::move(cause);
        return place;
    };
    if (path.empty() || path.front() != '/') return takes_none("it is not an absolute path");

    std::string name = path + "/.fluxpod-XXXXXX";
    const Fd file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file.valid()) return takes_none(describe_errno(errno));
    struct statvfs mounted {};
    if (::fchmod(file.get(), S_IRWXU) == 0 && ::fstatvfs(file.get(), &mounted) == 0) {
        place.no_programs = why_not_executable(name, mounted);
        place.free_bytes = static_cast<std::uint64_t>(mounted.f_bavail) * mounted.f_frsize;
    } else {
        place.no_programs = describe_errno(errno);
    }
    (void)::unlink(name.c_str());
    if (const int number = write_block(file.get()); number != 0) {
        return takes_none(describe_errno(number));
    }
    return place;
}

ScratchFacts read_scratch_facts(const Environment& environment, const std::string& root) {
    ScratchFacts facts;
    if (auto tmpdir = environment.get("TMPDIR")) facts.tmpdir = try_scratch_place(*tmpdir);
    if (auto home = environment.get("HOME")) {
        facts.home = try_scratch_place(*home);
        facts.home_exists = is_directory(*home);
    }
    facts.tmp = try_scratch_place("/tmp");
    facts.var_tmp = try_scratch_place("/var/tmp");
    facts.root = try_scratch_place(nearest_existing(root));
    facts.root.path = root;
    return facts;
}

}  // namespace fluxpod
