// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/install.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/auxv.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_program_bytes = std::size_t{1} << 30U;
constexpr mode_t program_mode = 0755;

std::string advise(int error_number) {
    switch (error_number) {
        case ENOENT: return "mount the shared volume there, such as an emptyDir";
        case EROFS: return "mount the volume writable here (readOnly: false)";
        case ENOSPC:
        case EDQUOT: return "make room there (sizeLimit of the emptyDir)";
        case EACCES:
        case EPERM:
            return fmt::format("fluxpod runs as uid {}: give it the directory (fsGroup, runAsUser)",
                               ::geteuid());
        default: return "";
    }
}

Error error_of(std::string doing, std::string subject, int error_number, std::string cause = "") {
    return {.code = ExitCode::files,
            .doing = std::move(doing),
            .subject = std::move(subject),
            .cause = cause.empty() ? describe_errno(error_number) : std::move(cause),
            .tried = "",
            .hint = advise(error_number)};
}

// ---- the program
// ---------------------------------------------------------------------------------

// A container's /proc may be missing; the kernel also tells by which path we were executed.
Result<std::string> own_bytes() {
    auto own = read_file("/proc/self/exe", most_program_bytes);
    if (own) return *own;
    // The kernel hands pointers as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto* name = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (name != nullptr) own = read_file(name, most_program_bytes);
    if (own) return *own;
    return fail(error_of("read this program", name != nullptr ? name : "/proc/self/exe",
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
        return fail(error_of("install into the directory", directory, errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return fail(error_of("install into the directory", directory, ENOTDIR));
    }
    struct statvfs volume {};
    if (::statvfs(directory.c_str(), &volume) == 0 && (volume.f_flag & ST_NOEXEC) != 0) {
        Error error = error_of("install into the directory", directory, 0,
                               "it is mounted noexec: nothing can be executed there");
        error.hint = "choose a volume without that mount option";
        return fail(error);
    }
    return {};
}

// ---- a tree
// --------------------------------------------------------------------------------------

struct TreeFailure {
    std::string doing;
    std::string path;
    std::error_code code;
};

using Copied = tl::expected<void, TreeFailure>;

Copied unless(const std::error_code& code, std::string doing, const fs::path& path) {
    if (!code) return {};
    return tl::unexpected(TreeFailure{std::move(doing), path.string(), code});
}

// Calls `visit` with every entry below `root`, a directory before what is in it.
template <class Visit>
Copied walk(const fs::path& root, Visit visit) {
    std::error_code code;
    fs::recursive_directory_iterator entry(root, code);
    if (auto opened = unless(code, "read the directory", root); !opened) return opened;
    while (entry != fs::end(entry)) {
        const fs::path path = entry->path();
        if (Copied visited = visit(*entry); !visited) return visited;
        entry.increment(code);
        if (auto stepped = unless(code, "read the directory", path); !stepped) return stepped;
    }
    return {};
}

fs::perms without_setuid(fs::perms mode) { return mode & fs::perms::all; }

fs::path below(const fs::path& to, const fs::path& from, const fs::path& entry) {
    return to / entry.lexically_relative(from);
}

bool leads_out_of(const fs::path& root, const fs::path& link, const fs::path& target) {
    const fs::path absolute = (link.parent_path() / target).lexically_normal();
    return *absolute.lexically_relative(root.lexically_normal()).begin() == "..";
}

tl::expected<TreeSize, TreeFailure> measure(const fs::path& root) {
    TreeSize size;
    auto walked = walk(root, [&](const fs::directory_entry& entry) -> Copied {
        std::error_code code;
        if (entry.is_symlink()) {
            const fs::path target = fs::read_symlink(entry.path(), code);
            if (!code && leads_out_of(root, entry.path(), target)) {
                ++size.links_out;
                size.link_out = entry.path().string() + " -> " + target.string();
            }
        } else if (entry.is_regular_file(code)) {
            size.bytes += entry.file_size(code);
            ++size.files;
        }
        return unless(code, "look at", entry.path());
    });
    if (!walked) return tl::unexpected(walked.error());
    return size;
}

bool same_content(const fs::path& left, const fs::path& right) {
    const auto size = fs::file_size(left);
    if (size != fs::file_size(right)) return false;
    auto one = read_file(left.string(), size);
    auto other = read_file(right.string(), size);
    return one && other && *one == *other;
}

bool same_entry(const fs::directory_entry& entry, const fs::path& copy) {
    const auto kept = fs::symlink_status(copy);
    const auto own = entry.symlink_status();
    if (kept.type() != own.type()) return false;
    if (entry.is_symlink()) return fs::read_symlink(entry.path()) == fs::read_symlink(copy);
    if (kept.permissions() != without_setuid(own.permissions())) return false;
    return !entry.is_regular_file() || same_content(entry.path(), copy);
}

std::size_t count_entries(const fs::path& root) {
    const fs::recursive_directory_iterator entries(root);
    return static_cast<std::size_t>(std::distance(fs::begin(entries), fs::end(entries)));
}

// Whatever cannot be compared is not the same.
bool same_tree(const fs::path& from, const fs::path& to) {
    try {
        if (!fs::is_directory(fs::symlink_status(to))) return false;
        for (const auto& entry : fs::recursive_directory_iterator(from)) {
            if (!same_entry(entry, below(to, from, entry.path()))) return false;
        }
        return count_entries(from) == count_entries(to);
    } catch (const fs::filesystem_error&) {
        return false;
    }
}

// std::filesystem's own takes a full volume for an input/output error.
std::error_code copy_content(const fs::path& from, const fs::path& copy) {
    constexpr std::size_t at_once = std::size_t{1} << 30U;
    const auto failed = [] { return std::error_code(errno, std::generic_category()); };
    const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!source.valid()) return failed();
    const Fd sink(::open(copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!sink.valid()) return failed();
    while (true) {
        const ssize_t count = ::sendfile(sink.get(), source.get(), nullptr, at_once);
        if (count < 0 && errno != EINTR) return failed();
        if (count == 0) break;
    }
    // Of a module with another time Python does not take what it has compiled, and where it may not
    // write it compiles it at every start.
    struct stat info {};
    if (::fstat(source.get(), &info) != 0) return failed();
    const std::array<timespec, 2> times{info.st_atim, info.st_mtim};
    if (::futimens(sink.get(), times.data()) != 0) return failed();
    return {};
}

Copied copy_entry(const fs::directory_entry& entry, const fs::path& copy) {
    std::error_code code;
    if (entry.is_symlink()) {
        fs::copy_symlink(entry.path(), copy, code);
        return unless(code, "write", copy);
    }
    if (entry.is_directory()) {
        // Its own mode comes when it is full: it may forbid writing.
        fs::create_directory(copy, code);
        return unless(code, "make the directory", copy);
    }
    if (!entry.is_regular_file()) {
        return unless(std::make_error_code(std::errc::not_supported), "copy", entry.path());
    }
    code = copy_content(entry.path(), copy);
    if (code) return unless(code, "copy " + entry.path().string() + " to", copy);
    fs::permissions(copy, without_setuid(entry.status().permissions()), code);
    return unless(code, "set the mode of", copy);
}

Copied set_directory_modes(const fs::path& from, const fs::path& to) {
    return walk(from, [&](const fs::directory_entry& entry) -> Copied {
        if (entry.is_symlink() || !entry.is_directory()) return {};
        std::error_code code;
        const fs::path copy = below(to, from, entry.path());
        fs::permissions(copy, without_setuid(entry.status().permissions()), code);
        return unless(code, "set the mode of", copy);
    });
}

// A new directory beside `to`, on the same volume.
tl::expected<fs::path, TreeFailure> make_draft(const fs::path& to) {
    std::string name = to.string() + ".XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) return fs::path(name);
    return tl::unexpected(TreeFailure{"make a directory in", to.parent_path().string(),
                                      std::error_code(errno, std::generic_category())});
}

Copied fill_draft(const fs::path& from, const fs::path& draft, const TreeSize& all,
                  const TreeProgress& progress) {
    TreeSize done;
    auto filled = walk(from, [&](const fs::directory_entry& entry) -> Copied {
        if (Copied copied = copy_entry(entry, below(draft, from, entry.path())); !copied) {
            return copied;
        }
        if (entry.is_symlink() || !entry.is_regular_file()) return {};
        ++done.files;
        done.bytes += entry.file_size();
        if (progress(done, all)) return {};
        return unless(std::make_error_code(std::errc::interrupted), "copy", from);
    });
    if (!filled) return filled;
    if (auto set = set_directory_modes(from, draft); !set) return set;
    std::error_code code;
    fs::permissions(draft, without_setuid(fs::status(from, code).permissions()), code);
    return unless(code, "set the mode of", draft);
}

// What stood at `to` stands at `draft` afterwards, or nothing does.
Copied put_in_place(const fs::path& draft, const fs::path& to) {
    const Fd volume(::open(draft.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (volume.valid()) (void)::syncfs(volume.get());
    int done = ::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE);
    if (done != 0 && errno == ENOENT) done = ::rename(draft.c_str(), to.c_str());
    const std::error_code code(done == 0 ? 0 : errno, std::generic_category());
    return unless(code, "rename " + draft.string() + " to", to);
}

// A directory that its owner may not write to would keep what is in it.
void remove_tree(const fs::path& root) {
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(root, ignored))) return;
    fs::permissions(root, fs::perms::owner_all, fs::perm_options::add, ignored);
    (void)walk(root, [&](const fs::directory_entry& entry) -> Copied {
        if (!entry.is_symlink() && entry.is_directory()) {
            fs::permissions(entry.path(), fs::perms::owner_all, fs::perm_options::add, ignored);
        }
        return {};
    });
    fs::remove_all(root, ignored);
}

Error error_of(const TreeFailure& failure) {
    const int number = failure.code.value();
    const bool foreign = failure.code.category() != std::generic_category() &&
                         failure.code.category() != std::system_category();
    return error_of(failure.doing, failure.path, foreign ? 0 : number, failure.code.message());
}

tl::expected<InstalledTree, TreeFailure> copy_tree(const fs::path& from, const fs::path& to,
                                                   const TreeProgress& progress) {
    auto size = measure(from);
    if (!size) return tl::unexpected(size.error());
    if (same_tree(from, to)) return InstalledTree{to.string(), *size, false};

    auto draft = make_draft(to);
    if (!draft) return tl::unexpected(draft.error());
    auto copied = fill_draft(from, *draft, *size, progress);
    if (copied) copied = put_in_place(*draft, to);
    remove_tree(*draft);
    if (!copied) return tl::unexpected(copied.error());
    return InstalledTree{to.string(), *size, true};
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
        return fail(error_of("write", path, failure.error_number, failure.cause));
    }
    const std::string wanted = sha256_of(*bytes);
    auto present = read_file(path, most_program_bytes);
    if (!present) {
        const auto& failure = present.error();
        return fail(error_of("read back", path, failure.error_number, failure.cause));
    }
    if (sha256_of(*present) != wanted) {
        return fail(error_of("read back", path, 0,
                             "its SHA-256 is " + sha256_of(*present) + " instead of " + wanted));
    }
    return InstalledProgram{.path = path,
                            .bytes = bytes->size(),
                            .sha256 = wanted,
                            .changed = *written == WriteOutcome::written};
}

Result<InstalledTree> install_tree(const std::string& from, const std::string& to,
                                   const TreeProgress& progress) {
    try {
        auto copied = copy_tree(from, to, progress);
        if (!copied) return fail(error_of(copied.error()));
        return *copied;
    } catch (const fs::filesystem_error& error) {
        return fail(error_of({"copy", error.path1().string(), error.code()}));
    }
}

}  // namespace fluxpod
