// SPDX-License-Identifier: Apache-2.0
// The places that Flux and its jobs write to, as this pod has them: TMPDIR, /tmp, /var/tmp, HOME
// and --root. Read, not judged. A place is tried with a small file that is removed at once, since
// flags of a mount do not show owners, quotas and full disks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fluxpod/base/environ.hpp"

namespace fluxpod {

struct ScratchPlace {
    std::string path;
    std::string no_files;          // why no file can be made there; empty: one can
    std::string no_programs;       // why a file there cannot be executed; empty: it can
    std::uint64_t free_bytes = 0;  // for an ordinary user; only if files can be made
};

struct ScratchFacts {
    std::optional<ScratchPlace> tmpdir;  // what TMPDIR names; nullopt if it is unset
    std::optional<ScratchPlace> home;    // what HOME names; nullopt if it is unset
    bool home_exists = false;
    ScratchPlace tmp;      // /tmp
    ScratchPlace var_tmp;  // /var/tmp
    ScratchPlace root;     // --root, or as much of the way to it as exists
};

// Tries a directory. One that is missing, or named by a relative path, takes no files.
[[nodiscard]] ScratchPlace try_scratch_place(const std::string& path);

[[nodiscard]] ScratchFacts read_scratch_facts(const Environment& environment,
                                              const std::string& root);

}  // namespace fluxpod
