// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/certificate.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>
#include <utility>

#include "fluxpod/base/secret.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t max_certificate_file = std::size_t{16} * 1024;

Error certificate_error(const char* doing, const std::string& path, std::string cause,
                        std::string hint) {
    return {ExitCode::certificate, doing, path, std::move(cause), "", std::move(hint)};
}

// A wide mode is the user's mistake unless nobody in the pod could narrow it.
bool is_mounted(const std::string& path) {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0) return true;
    // The kubelet's atomic writer makes every file of a volume a link into "..data/".
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    return length > 0 &&
           std::string_view(target.data(), static_cast<std::size_t>(length)).starts_with("..data/");
}

Result<CurveCert> read_certificate_file(const std::string& path) {
    constexpr const char* doing = "read the CURVE certificate";
    auto text = read_secret_file(path, max_certificate_file);
    if (!text) {
        const bool absent = text.error().error_number == ENOENT;
        return fail(certificate_error(
            doing, path, text.error().cause,
            absent
                ? "make one with flux keygen or fluxpod keygen and give the same one to every pod"
                : ""));
    }
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return fail(certificate_error(doing, path, describe_errno(errno), ""));
    }
    if (!is_mounted(path) && (info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        return fail(
            certificate_error(doing, path,
                              fmt::format("its mode {:04o} lets others than its owner read it",
                                          info.st_mode & 07777U),
                              "run chmod 0600 " + path));
    }
    auto cert = CurveCert::parse(*text);
    if (!cert) {
        return fail(certificate_error(doing, path, cert.error(),
                                      "make a new one with flux keygen or fluxpod keygen"));
    }
    return std::move(*cert);
}

Result<CurveCert> derive_from_file(const std::string& secret_path) {
    constexpr const char* doing = "derive the CURVE certificate from";
    auto secret = read_secret_file(secret_path, max_certificate_file);
    if (!secret) {
        return fail(certificate_error(doing, secret_path, secret.error().cause,
                                      "mount the same secret file into every pod"));
    }
    auto cert = CurveCert::derive(*secret);
    if (!cert) {
        return fail(certificate_error(doing, secret_path, cert.error(),
                                      "make one with: head -c 32 /dev/urandom | base64"));
    }
    return std::move(*cert);
}

}  // namespace

Result<std::optional<CurveCert>> obtain_certificate(const CertPlan& plan) {
    if (plan.source == CertPlan::Source::none) return std::nullopt;
    auto certificate = plan.source == CertPlan::Source::file ? read_certificate_file(plan.path)
                                                             : derive_from_file(plan.path);
    if (!certificate) return fail(certificate.error());
    return std::optional<CurveCert>(std::move(*certificate));
}

}  // namespace fluxpod
