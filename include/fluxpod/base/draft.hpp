// SPDX-License-Identifier: Apache-2.0
// Drafts: a file or directory is filled under the name NAME.fluxpod-xxxxxx and renamed to NAME when
// it is whole. The process that fills a draft holds an flock(2) on it. The kernel drops the lock
// when the process dies, so a later writer can tell a live draft from an abandoned one, also
// between containers of one node.
#pragma once

#include <string>
#include <vector>

#include "fluxpod/base/file.hpp"

namespace fluxpod {

struct Draft {
    Fd fd;             // holds the lock; a file is open for writing
    std::string name;  // as `name` was given: relative to the same directory
};

enum class DraftKind { file, directory };

// Makes and locks an empty draft of `name` below an open directory (AT_FDCWD: `name` is a path).
// Mode 0600 for a file, 0700 for a directory.
[[nodiscard]] FileResult<Draft> make_draft(int directory, const std::string& name, DraftKind kind);

// Returns the drafts of `name` that a killed process left, each locked by us until it is destroyed:
// the caller removes them. flock(2) may be local to a node on a network file system, so a draft
// there must be an hour old as well. Where a draft cannot be opened or locked it is left alone.
[[nodiscard]] std::vector<Draft> find_abandoned_drafts(int directory, const std::string& name);

}  // namespace fluxpod
