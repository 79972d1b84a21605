// SPDX-License-Identifier: Apache-2.0
#include "install_error.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace fluxpod {

namespace {

std::string advise_on_copy(int error_number) {
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

}  // namespace

Error install_error(std::string doing, std::string subject, int error_number, std::string cause) {
    return {.code = ExitCode::files,
            .doing = std::move(doing),
            .subject = std::move(subject),
            .cause = cause.empty() ? describe_errno(error_number) : std::move(cause),
            .hint = advise_on_copy(error_number)};
}

}  // namespace fluxpod
