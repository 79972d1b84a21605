// SPDX-License-Identifier: Apache-2.0
// Copies this program, and a Flux installation, into a directory that other containers share, for
// images that have neither. Others see a whole copy there or none.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "fluxpod/base/error.hpp"

namespace fluxpod {

struct InstalledProgram {
    std::string path;
    std::uint64_t bytes = 0;
    std::string sha256;  // of what can be read there now
    bool changed = false;
};

// This program as DIRECTORY/fluxpod, mode 0755. One that is executed meanwhile goes on with the
// file that it was started from. Error 13 if the directory is missing, read-only, full or mounted
// noexec, or if other bytes are read back.
[[nodiscard]] Result<InstalledProgram> install_program(const std::string& directory);

struct TreeSize {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t links_out = 0;  // symbolic links to what is not in the tree
    std::string link_out;         // one of them, and where it leads
};

struct InstalledTree {
    std::string path;
    TreeSize size;
    bool changed = false;
};

// Told after every file: what is done, what there is. False ends it: error 13, and nothing remains.
using TreeProgress = std::function<bool(const TreeSize& done, const TreeSize& all)>;

// The tree below `from` as `to`: files, directories and links, with their modes but never setuid.
// An equal tree is left alone, another one is replaced in one step. Drafts that killed copies left
// are removed. Error 13, with `to` as it was, if the directory of `to` is in the tree, or the tree
// in `to`.
[[nodiscard]] Result<InstalledTree> install_tree(const std::string& from, const std::string& to,
                                                 const TreeProgress& progress);

}  // namespace fluxpod
