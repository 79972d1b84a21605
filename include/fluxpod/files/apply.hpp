// SPDX-License-Identifier: Apache-2.0
// Writes what a Plan says: directories, rendered files, the private certificate. The only place
// that changes the file system before launch.
//
// Directories that are missing are made with their mode, and those that exist keep it. The rundir,
// the statedir and the certificate's directory must be ours; every other one below the root must be
// ours or root's. If another user could replace files in a directory (group or world may write, and
// it is not sticky), its write permission is taken away, or the directory is refused if it is not
// ours. Our own groups may write: the kubelet gives volumes to them (fsGroup). A symbolic link at
// any step below the root is refused. The root itself may be reached through links and have any
// owner and mode, by the user's choice: an emptyDir has mode 0777.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/files/render.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

struct AppliedFile {
    std::string path;
    bool changed;
};

// Error 13, naming the path, with what to do about a read-only root, a full disk, a link in the
// way. `place`, if not empty, is where everything goes in the root's stead (render --out): the
// bytes stay those that the root needs.
[[nodiscard]] Result<std::vector<AppliedFile>> apply_files(
    const Plan& plan, const std::vector<RenderedFile>& files,
    const std::optional<CurveCert>& certificate, const std::string& place = "");

}  // namespace fluxpod
