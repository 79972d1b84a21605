// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/install.hpp"

#include <fmt/format.h>
#include <sodium.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "file_copy.hpp"
#include "fluxpod/base/file.hpp"
#include "install_error.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_program_bytes = std::size_t{256} << 20U;
constexpr mode_t program_mode = 0755;

// A container's /proc may be missing; the kernel also tells by which path we were executed.
Result<std::string> own_bytes() {
    auto own = read_file("/proc/self/exe", max_program_bytes);
    if (own) return *own;
    // The kernel hands pointers as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto* name = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (name != nullptr) own = read_file(name, max_program_bytes);
    if (own) return *own;
    return fail(install_error("read this program", name != nullptr ? name : "/proc/self/exe",
                              own.error().error_number, own.error().cause));
}

std::string sha256_of(std::string_view bytes) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    (void)::crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                               bytes.size());
    std::string text;
    for (const unsigned byte : hash) text += fmt::format("{:02x}", byte);
    return text;
}

Status check_target(const std::string& directory) {
    struct stat info {};
    if (::stat(directory.c_str(), &info) != 0) {
        return fail(install_error("install into the directory", directory, errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return fail(install_error("install into the directory", directory, ENOTDIR));
    }
    struct statvfs volume {};
    if (::statvfs(directory.c_str(), &volume) == 0 && (volume.f_flag & ST_NOEXEC) != 0) {
        Error error = install_error("install into the directory", directory, 0,
                                    "it is mounted noexec: nothing can be executed there");
        error.hint = "choose a volume without that mount option";
        return fail(error);
    }
    return {};
}

}  // namespace

Result<InstalledProgram> install_program(const std::string& directory) {
    if (auto checked = check_target(directory); !checked) return fail(checked.error());
    auto bytes = own_bytes();
    if (!bytes) return fail(bytes.error());

    const std::string path = directory + "/fluxpod";
    auto written = write_file_atomically(path, *bytes, program_mode);
    if (!written) {
        const auto& failure = written.error();
        return fail(install_error("write", path, failure.error_number, failure.cause));
    }
    const std::string wanted = sha256_of(*bytes);
    auto present = sha256_of_file(path);
    if (!present) return fail(install_error("read back", path, present.error()));
    if (*present != wanted) {
        return fail(install_error("read back", path, 0,
                                  "its SHA-256 is " + *present + " instead of " + wanted));
    }
    return InstalledProgram{.path = path,
                            .bytes = bytes->size(),
                            .sha256 = wanted,
                            .changed = *written == WriteOutcome::written};
}

}  // namespace fluxpod
