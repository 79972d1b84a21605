// SPDX-License-Identifier: Apache-2.0
// The content of files, in pieces: a view has files of hundreds of MiB.
#pragma once

#include <string>
#include <system_error>
#include <tl/expected.hpp>

namespace fluxpod {

[[nodiscard]] std::error_code last_error();  // errno

// Whether an errno says that a file system or a seccomp filter does not know a system call.
[[nodiscard]] bool is_unsupported(int error_number);

// The SHA-256 in hexadecimal, or the errno.
[[nodiscard]] tl::expected<std::string, int> sha256_of_file(const std::string& path);

// Files that cannot be read are not the same.
[[nodiscard]] bool same_content(const std::string& left, const std::string& right);

// Makes the file `to`, which must not exist, with mode 0600 and the content and times of `from`.
[[nodiscard]] std::error_code copy_content(const std::string& from, const std::string& to);

}  // namespace fluxpod
