// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "fluxpod/base/file.hpp"
#include "fluxpod/commands/table.hpp"
#include "fluxpod/files/certificate.hpp"
#include "fluxpod/formats/curve_cert.hpp"
#include "fluxpod/settings/load.hpp"

namespace fluxpod {

namespace {

constexpr mode_t private_mode = 0600;

Error error_of(ExitCode code, std::string subject, std::string cause, std::string hint) {
    return {code,           "write the CURVE certificate", std::move(subject), std::move(cause), "",
            std::move(hint)};
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "";
    return name.data();
}

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    std::array<char, 32> text{};
    if (::gmtime_r(&now, &parts) == nullptr) return "";
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// A derived certificate has no metadata but the name: every pod makes the same bytes.
Result<CurveCert> make(const Settings& settings) {
    if (!settings.from_secret.empty()) {
        auto cert = obtain_certificate({CertPlan::Source::secret, settings.from_secret});
        if (!cert) return fail(cert.error());
        if (!settings.key_name.empty()) (*cert)->set_metadata("name", settings.key_name);
        return std::move(**cert);
    }
    CurveCert cert = CurveCert::generate();
    const std::string host = host_name();
    cert.set_metadata("name", settings.key_name.empty() ? host : settings.key_name);
    cert.set_metadata("keygen.hostname", host);
    cert.set_metadata("keygen.time", utc_now());
    cert.set_metadata("keygen.userid", std::to_string(::getuid()));
    cert.set_metadata("keygen.fluxpod-version", FLUXPOD_VERSION);
    return cert;
}

Result<std::string> path_among(const std::vector<std::string>& operands) {
    if (operands.size() == 1) return operands.front();
    return fail(error_of(ExitCode::usage, operands.empty() ? "" : operands.at(1),
                         operands.empty() ? "missing PATH" : "only one PATH can be given",
                         "name one file, or - for standard output"));
}

// A certificate that is replaced locks out every pod that has the old one, so that an existing file
// must have the same bytes.
Status store(const std::string& path, const SecretBytes& text) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
        auto present = read_secret_file(path, text.size());
        if (!present || !std::ranges::equal(present->view(), text.view())) {
            return fail(error_of(ExitCode::files, path, "another file is there",
                                 "remove it first if no pod uses it any more"));
        }
        if ((info.st_mode & 07777U) == private_mode && info.st_uid == ::geteuid()) return {};
    }
    auto written = write_file_atomically(path, exposed_text(text), private_mode);
    if (!written) {
        const int number = written.error().error_number;
        const bool other_kind = number == EEXIST || number == ELOOP;
        return fail(error_of(ExitCode::files, path, written.error().cause,
                             other_kind ? "name a file, or - for standard output" : ""));
    }
    return {};
}

}  // namespace

Result<int> keygen_command(Invocation& invocation) {
    auto settings = load_settings(invocation.line, invocation.environment, invocation.config);
    if (!settings) return fail(settings.error());
    auto path = path_among(settings->operands);
    if (!path) return fail(path.error());
    auto cert = make(*settings);
    if (!cert) return fail(cert.error());

    const SecretBytes text = cert->encode();
    if (*path == "-") return print(exposed_text(text));
    auto done = store(*path, text);
    if (!done) return fail(done.error());
    return to_int(ExitCode::ok);
}

}  // namespace fluxpod
