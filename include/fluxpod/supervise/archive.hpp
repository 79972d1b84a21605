// SPDX-License-Identifier: Apache-2.0
// A cluster's saved state: the tar archive of Flux's KVS that flux-dump(1) writes and
// flux-restore(1) reads. Flux wipes what it has before it reads an archive, also if there is none;
// so an archive is read through before Flux gets its path.
//
// Ids of jobs that run again are kept in it under the KVS key fluxpod.again, a line each, for
// people and for the log of the next start.
//
// The dump is made by Flux itself at its end, in the statedir (Layout::dump). It becomes the
// archive here: jobs that were cut for the sake of saving become pending again
// (formats/job_eventlog.hpp), the hardware of the old cluster is left out, and it takes the old
// archive's place only when it is whole and on the disk. Until then the dump stays, so that nothing
// is lost by a full disk.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/beside.hpp"
#include "fluxpod/base/error.hpp"

namespace fluxpod {

struct ArchiveContent {
    std::size_t jobs = 0;
    // Ids of the jobs that were cut: those of a dump, or those that an archive says it made
    // pending.
    std::vector<std::string> again;
};

// Reads all of an archive; nullopt if the file does not exist. Error 13 if it is cut off,
// compressed, no tar archive, or not Flux's.
[[nodiscard]] Result<std::optional<ArchiveContent>> inspect_archive(const std::string& path);

// Returns the path of the file that the archive's name leads to. An archive that is a symbolic link
// is written where the link points to, also if nothing is there yet.
[[nodiscard]] std::string follow_archive_links(const std::string& archive);

// Makes the archive of the dump, and removes the dump. After an error the dump is there, and the
// archive is as it was, unless the error says that the new one is in its place.
// Blocks: `progress` counts the bytes that were read and those that are on the disk; stopped, it
// fails.
[[nodiscard]] Result<ArchiveContent> archive_dump(const std::string& dump,
                                                  const std::string& archive, Progress& progress);

}  // namespace fluxpod
