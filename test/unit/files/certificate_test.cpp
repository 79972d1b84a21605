// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/certificate.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "temp_dir.hpp"
#include "tiny_mount.hpp"

namespace fluxpod {
namespace {

using test::TempDir;
using test::TinyMount;

const CurveCert& sample() {
    static const CurveCert cert = CurveCert::generate();
    return cert;
}

std::string write_cert(const TempDir& dir, const std::string& name, mode_t mode) {
    const SecretBytes text = sample().encode();
    const std::string path = dir.write(name, std::string(text.view().begin(), text.view().end()));
    ::chmod(path.c_str(), mode);
    return path;
}

TEST_CASE("no certificate is planned, none is obtained") {
    auto certificate = obtain_certificate({});
    REQUIRE(certificate);
    CHECK_FALSE(*certificate);
}

TEST_CASE("a certificate that others may read is refused, except from a volume") {
    TempDir dir;
    const std::string wide = write_cert(dir, "wide.cert", 0644);
    auto refused = obtain_certificate({CertPlan::Source::file, wide});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ExitCode::certificate);
    CHECK(obtain_certificate({CertPlan::Source::file, write_cert(dir, "own.cert", 0600)}));

    // As the kubelet lays out a Secret.
    write_cert(dir, "secret/..2026/curve.cert", 0644);
    std::filesystem::create_directory_symlink("..2026", dir / "secret/..data");
    std::filesystem::create_symlink("..data/curve.cert", dir / "secret/curve.cert");
    auto mounted = obtain_certificate({CertPlan::Source::file, dir / "secret/curve.cert"});
    REQUIRE_MESSAGE(mounted, (mounted ? "" : mounted.error().message()));
    CHECK((*mounted)->public_key() == sample().public_key());
}

TEST_CASE("a wide certificate on a read-only mount is nobody's mistake") {
    TempDir dir;
    const TinyMount tiny(dir / "volume", "size=64k");
    if (!tiny.mounted()) return;
    const std::string path = write_cert(dir, "volume/curve.cert", 0644);
    CHECK_FALSE(obtain_certificate({CertPlan::Source::file, path}));
    REQUIRE(tiny.make_read_only());
    CHECK(obtain_certificate({CertPlan::Source::file, path}));
}

TEST_CASE("every pod derives the same certificate from one secret") {
    TempDir dir;
    const std::string secret = dir.write("secret", "0123456789abcdef0123456789abcdef");
    auto one = obtain_certificate({CertPlan::Source::secret, secret});
    auto two = obtain_certificate({CertPlan::Source::secret, secret});
    REQUIRE(one);
    REQUIRE(two);
    CHECK((*one)->public_key() == (*two)->public_key());
}

TEST_CASE("a certificate that is not there is error 14 and names the file") {
    for (auto source : {CertPlan::Source::file, CertPlan::Source::secret}) {
        auto certificate = obtain_certificate({source, "/nonexistent/cert"});
        REQUIRE_FALSE(certificate);
        CHECK(certificate.error().code == ExitCode::certificate);
        CHECK(certificate.error().message().find("/nonexistent/cert") != std::string::npos);
    }
}

TEST_CASE("only a mode that lets others read is refused, with the way to narrow it") {
    TempDir dir;
    for (const mode_t mode : {0640U, 0604U, 0644U}) {
        const std::string path = write_cert(dir, "curve.cert", mode);
        const auto refused = obtain_certificate({CertPlan::Source::file, path});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ExitCode::certificate);
        CHECK(refused.error().message().find("chmod 0600 " + path) != std::string::npos);
    }
    for (const mode_t mode : {0600U, 0400U, 0622U}) {
        CHECK(obtain_certificate({CertPlan::Source::file, write_cert(dir, "curve.cert", mode)}));
    }
}

TEST_CASE(
    "a certificate that is absent, a directory, huge or malformed is error 14 with its path") {
    TempDir dir;
    for (const std::string& path :
         {dir / "absent", dir.path().string(), dir.write("huge", std::string(20000, '#')),
          dir.write("malformed", "[curve]\n")}) {
        std::filesystem::permissions(dir.path(), std::filesystem::perms::owner_all);
        ::chmod(path.c_str(), std::filesystem::is_directory(path) ? 0700 : 0600);
        const auto cert = obtain_certificate({CertPlan::Source::file, path});
        REQUIRE_FALSE(cert);
        CHECK(cert.error().code == ExitCode::certificate);
        CHECK(cert.error().message().find(path) != std::string::npos);
    }
    for (const char* name : {"absent", "malformed"}) {
        const auto cert = obtain_certificate({CertPlan::Source::file, dir / name});
        CHECK(cert.error().hint.find("flux keygen") != std::string::npos);
    }
}

TEST_CASE("a secret file gives the certificate of its content, and is not shown") {
    TempDir dir;
    const auto obtained = [&](const char* name, const char* content) {
        return obtain_certificate({CertPlan::Source::secret, dir.write(name, content)});
    };
    const auto cert = obtained("secret", "correct horse battery staple\n");
    REQUIRE(cert);
    CHECK((*cert)->public_key() == "cTx!W%0v)PfBWbMJP)RngTD$7aQkvd4)^vj/KGaT");
    const auto shorter = obtained("short", "hunter2");
    REQUIRE_FALSE(shorter);
    CHECK(shorter.error().code == ExitCode::certificate);
    CHECK(shorter.error().message().find("hunter2") == std::string::npos);
}

}  // namespace
}  // namespace fluxpod
