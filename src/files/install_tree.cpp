// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "file_copy.hpp"
#include "fluxpod/base/draft.hpp"
#include "fluxpod/base/file.hpp"
#include "fluxpod/files/install.hpp"
#include "install_error.hpp"

namespace fluxpod {

namespace fs = std::filesystem;

namespace {

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

struct FileId {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileId&) const = default;
};

std::optional<FileId> id_of(const fs::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return FileId{info.st_dev, info.st_ino};
}

Copied refuse(const char* doing, const fs::path& path) {
    return unless({EINVAL, std::generic_category()}, doing, path);
}

// Looks at all of the tree. Refuses one that has the directory `volume` in it, into which it is to
// be copied. By ids, since a volume may be mounted in two places.
tl::expected<TreeSize, TreeFailure> measure(const fs::path& root, const fs::path& volume) {
    TreeSize size;
    const auto volume_id = id_of(volume);
    if (volume_id && id_of(root) == volume_id) {
        return tl::unexpected(refuse("copy the view into itself, below", volume).error());
    }
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
        } else if (volume_id && entry.is_directory(code) && id_of(entry.path()) == volume_id) {
            return refuse("copy the view into itself, below", volume);
        }
        return unless(code, "look at", entry.path());
    });
    if (!walked) return tl::unexpected(walked.error());
    return size;
}

// Refuses to replace a directory by a part of it, which would be removed with it.
Copied check_outside(const fs::path& from, const fs::path& to) {
    const auto old = id_of(to);
    fs::path step = fs::absolute(from).lexically_normal();
    while (old && step.has_relative_path()) {
        step = step.parent_path();
        if (id_of(step) == old) return refuse("copy a part of the present view over it, as", to);
    }
    return {};
}

bool same_entry(const fs::directory_entry& entry, const fs::path& copy) {
    const auto kept = fs::symlink_status(copy);
    const auto own = entry.symlink_status();
    if (kept.type() != own.type()) return false;
    if (entry.is_symlink()) return fs::read_symlink(entry.path()) == fs::read_symlink(copy);
    if (kept.permissions() != without_setuid(own.permissions())) return false;
    return !entry.is_regular_file() || same_content(entry.path(), copy);
}

// Trees that cannot be compared are not the same.
bool same_tree(const fs::path& from, const fs::path& to) {
    try {
        if (!fs::is_directory(fs::symlink_status(to))) return false;
        std::ptrdiff_t count = 0;
        for (const auto& entry : fs::recursive_directory_iterator(from)) {
            if (!same_entry(entry, below(to, from, entry.path()))) return false;
            ++count;
        }
        const fs::recursive_directory_iterator copies(to);
        return std::distance(fs::begin(copies), fs::end(copies)) == count;
    } catch (const fs::filesystem_error&) {
        return false;
    }
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
tl::expected<Draft, TreeFailure> make_tree_draft(const fs::path& to) {
    auto draft = make_draft(AT_FDCWD, to.string(), DraftKind::directory);
    if (draft) return std::move(*draft);
    return tl::unexpected(
        TreeFailure{"make a directory in", to.parent_path().string(),
                    std::error_code(draft.error().error_number, std::generic_category())});
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

// Without renameat2(2) there is a moment in which `to` is missing, never one in which it is half a
// view. The draft receives the old view.
std::error_code swap_by_hand(const fs::path& draft, const fs::path& to) {
    auto aside = make_draft(AT_FDCWD, to.string(), DraftKind::directory);
    if (!aside) return {aside.error().error_number, std::generic_category()};
    // Locked like a draft, so that no other install removes it before the new view is in place.
    const Fd old(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    (void)::flock(old.get(), LOCK_EX | LOCK_NB);
    const char* aside_name = aside->name.c_str();
    std::error_code code;
    if (::rename(to.c_str(), aside_name) != 0) {
        code = last_error();
        (void)::rmdir(aside_name);
        return code;
    }
    if (::rename(draft.c_str(), to.c_str()) == 0) {
        (void)::rename(aside_name, draft.c_str());
    } else {
        code = last_error();
        (void)::rename(aside_name, to.c_str());
    }
    return code;
}

// Afterwards the draft is what was at `to` before, or is gone.
Copied put_in_place(const fs::path& draft, const fs::path& to) {
    const Fd volume(::open(draft.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (volume.valid()) (void)::syncfs(volume.get());
    std::error_code code;
    if (::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0) {
        code = last_error();
        if (is_unsupported(code.value()) && fs::exists(fs::symlink_status(to))) {
            code = swap_by_hand(draft, to);
        } else if (is_unsupported(code.value()) || code.value() == ENOENT) {
            code = ::rename(draft.c_str(), to.c_str()) == 0 ? std::error_code() : last_error();
        }
    }
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
    return install_error(failure.doing, failure.path, foreign ? 0 : number, failure.code.message());
}

tl::expected<InstalledTree, TreeFailure> copy_tree(const fs::path& from, const fs::path& to,
                                                   const TreeProgress& progress) {
    for (const auto& abandoned : find_abandoned_drafts(AT_FDCWD, to.string())) {
        remove_tree(abandoned.name);
    }
    if (auto outside = check_outside(from, to); !outside) return tl::unexpected(outside.error());
    auto size = measure(from, to.parent_path());
    if (!size) return tl::unexpected(size.error());
    if (same_tree(from, to)) return InstalledTree{to.string(), *size, false};

    auto draft = make_tree_draft(to);
    if (!draft) return tl::unexpected(draft.error());
    auto copied = fill_draft(from, draft->name, *size, progress);
    if (copied) copied = put_in_place(draft->name, to);
    remove_tree(draft->name);
    if (!copied) return tl::unexpected(copied.error());
    return InstalledTree{to.string(), *size, true};
}

}  // namespace

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
