// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/curve_cert.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using fluxpod::CurveCert;
using fluxpod::SecretBytes;

namespace {

// Made by flux keygen (flux-core 0.88) for this test alone.
constexpr std::string_view sample =
    "#  ZeroMQ CURVE **Secret** Certificate\n"
    "#  DO NOT DISTRIBUTE\n"
    "\n"
    "metadata\n"
    "    name = \"x\"\n"
    "    keygen.flux-core-version = \"0.88.0-59-g4a5e79f56\"\n"
    "    keygen.time = \"2026-11-22T00:50:02\"\n"
    "curve\n"
    "    public-key = \"=S2y01fNs{(-JsX@1*}OTnDaFAc^UEDLrzGYaSp{\"\n"
    "    secret-key = \"hg5y^rWFdW5/F-r-D@.}FoFd?(iVU$djo5-dIG7v\"\n";
constexpr std::string_view public_line =
    "    public-key = \"=S2y01fNs{(-JsX@1*}OTnDaFAc^UEDLrzGYaSp{\"\n";
constexpr std::string_view secret_line =
    "    secret-key = \"hg5y^rWFdW5/F-r-D@.}FoFd?(iVU$djo5-dIG7v\"\n";

SecretBytes secret_of(std::string_view text) {
    return SecretBytes::copy_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string text_of(const SecretBytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.view().data()), bytes.size()};
}

std::string fault_of(std::string_view text) {
    auto cert = CurveCert::parse(secret_of(text));
    return cert ? "no fault" : cert.error();
}

std::string with_metadata(std::string_view line) {
    return "metadata\n" + std::string(line) + "\ncurve\n" + std::string(public_line) +
           std::string(secret_line);
}

std::string with_curve(std::string_view lines) { return "curve\n" + std::string(lines); }

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a certificate of flux keygen is read") {
    auto cert = CurveCert::parse(secret_of(sample));
    REQUIRE(cert);
    CHECK(cert->public_key() == "=S2y01fNs{(-JsX@1*}OTnDaFAc^UEDLrzGYaSp{");
    CHECK(text_of(cert->secret_key()) == "hg5y^rWFdW5/F-r-D@.}FoFd?(iVU$djo5-dIG7v");
    CHECK(cert->metadata().at("name") == "x");
    CHECK(cert->metadata().at("keygen.flux-core-version") == "0.88.0-59-g4a5e79f56");
}

TEST_CASE("what is written is read back with the same keys and metadata") {
    CurveCert cert = CurveCert::generate();
    cert.set_metadata("name", "fp-0");
    auto again = CurveCert::parse(cert.encode());
    REQUIRE(again);
    CHECK(again->public_key() == cert.public_key());
    CHECK(text_of(again->secret_key()) == text_of(cert.secret_key()));
    CHECK(again->metadata() == cert.metadata());
    CHECK(text_of(again->encode()) == text_of(cert.encode()));
}

TEST_CASE("two fresh certificates differ") {
    CHECK(CurveCert::generate().public_key() != CurveCert::generate().public_key());
}

TEST_CASE("a certificate without a name is written with one, since a broker needs it") {
    CHECK(mentions(text_of(CurveCert::generate().encode()), "    name = \"fluxpod\"\n"));
}

TEST_CASE("metadata that Flux would refuse is cleaned") {
    CurveCert cert = CurveCert::generate();
    cert.set_metadata("na_me", "flux_cert, \"quoted\"\n~\xC3\xA9");
    CHECK(cert.metadata().at("na-me") == "flux-cert- -quoted-----");
    cert.set_metadata("", "no key");
    CHECK(cert.metadata().size() == 1);
    cert.set_metadata(std::string(500, 'k'), std::string(500, 'v'));
    CHECK(CurveCert::parse(cert.encode()));
}

TEST_CASE("every character that the grammar allows is read, and every other one refused") {
    const std::string allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:+=^!/*?&<>()[]{}@%$# \t";
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        CAPTURE(byte);
        const bool good = allowed.find(c) != std::string::npos;
        const std::string fault =
            fault_of(with_metadata("    k = \"a" + std::string(1, c) + "b\""));
        CHECK((fault == "no fault") == good);
    }
}

TEST_CASE("a metadata key is made of letters, digits, dots and hyphens") {
    CHECK(fault_of(with_metadata("\tk.9-Z = \"v\"")) == "no fault");
    CHECK(fault_of(with_metadata("  k=\"v\"  ")) == "no fault");
    CHECK(fault_of(with_metadata("  k = \"\"")) == "no fault");
    CHECK(mentions(fault_of(with_metadata("  k_x = \"v\"")), "line 2: a key"));
    CHECK(mentions(fault_of(with_metadata("  = \"v\"")), "line 2: a key"));
    CHECK(mentions(fault_of(with_metadata("  k k = \"v\"")), "line 2: a key"));
    CHECK(mentions(fault_of(with_metadata("  k \"v\"")), "without \"=\""));
    CHECK(mentions(fault_of(with_metadata("  k = \"v\"\n  k = \"w\"")),
                   "line 3: a key that is there"));
}

TEST_CASE("a value without double quotes: refused") {
    CHECK(mentions(fault_of(with_metadata("  k = v")), "double quotes"));
    CHECK(mentions(fault_of(with_metadata("  k = \"v")), "double quotes"));
    CHECK(mentions(fault_of(with_metadata("  k = \"")), "double quotes"));
    CHECK(mentions(fault_of(with_metadata("  k =")), "double quotes"));
    CHECK(mentions(fault_of(with_metadata("  k = 'v'")), "double quotes"));
}

TEST_CASE("sections begin in the first column, entries do not") {
    CHECK(mentions(fault_of(with_metadata("k = \"v\"")), "line 2: neither a section"));
    CHECK(mentions(fault_of(" metadata\n"), "without \"=\""));
    CHECK(mentions(fault_of("other\n"), "line 1: neither a section"));
    CHECK(mentions(fault_of("  k = \"v\"\n"), "before any section"));
    CHECK(fault_of("curve  \n" + std::string(public_line) + "metadata\n k=\"v\"\ncurve\n" +
                   std::string(secret_line)) == "no fault");
}

TEST_CASE("comments, blank lines and lines of DOS are read") {
    CHECK(fault_of(with_metadata("# c_o,m\n   # m_e,n\n\n   \n  k = \"v\"\r")) == "no fault");
}

TEST_CASE("a line has at most 255 characters, so that Flux reads it whole") {
    const std::string value(255 - std::string_view(" k=\"\"").size(), 'v');
    CHECK(fault_of(with_metadata(" k=\"" + value + "\"")) == "no fault");
    CHECK(mentions(fault_of(with_metadata(" k=\"" + value + "v\"")), "line 2: longer than 255"));
    CHECK(mentions(fault_of("#" + std::string(255, 'c') + "\n"), "line 1: longer"));
    CHECK(mentions(fault_of(std::string("# \0\n", 4)), "NUL"));
}

TEST_CASE("both keys are needed, once each, and nothing else") {
    const std::string both = std::string(public_line) + std::string(secret_line);
    CHECK(fault_of(with_curve(both)) == "no fault");
    CHECK(mentions(fault_of(""), "no public-key"));
    CHECK(mentions(fault_of(with_curve(secret_line)), "no public-key"));
    CHECK(mentions(fault_of(with_curve(public_line)), "no secret-key"));
    CHECK(mentions(fault_of(with_curve(both + std::string(secret_line))), "is there twice"));
    CHECK(mentions(fault_of(with_curve(both + std::string(public_line))), "is there twice"));
    CHECK(mentions(fault_of(with_curve(both + "  other-key = \"v\"\n")), "neither public-key"));
}

TEST_CASE("a key is exactly 40 characters of Z85 that say 256 bits") {
    auto with_public = [](const std::string& key) {
        return fault_of(with_curve("  public-key = \"" + key + "\"\n"));
    };
    CHECK(mentions(with_public(std::string(39, 'a')), "line 2: a key that is not 40 characters"));
    CHECK(mentions(with_public(std::string(41, 'a')), "not 40 characters"));
    CHECK(mentions(with_public(std::string(39, 'a') + " "), "not 40 characters"));
    CHECK(mentions(with_public(std::string(40, '#')), "not 40 characters of Z85"));
    CHECK(mentions(with_public(std::string(40, '0')), "no secret-key"));
}

TEST_CASE("a public key that belongs to another secret key is refused") {
    CHECK(mentions(fault_of(with_curve("  public-key = \"" + std::string(40, '0') + "\"\n" +
                                       std::string(secret_line))),
                   "does not belong"));
}

TEST_CASE("no fault repeats anything of the secret key") {
    std::string broken(sample);
    broken.replace(broken.find("hg5y^"), 5, "hg_y,");
    CHECK_FALSE(mentions(fault_of(broken), "FoFd"));
    std::string unquoted(sample);
    unquoted.erase(unquoted.rfind('"'), 1);
    CHECK_FALSE(mentions(fault_of(unquoted), "FoFd"));
    CHECK_FALSE(mentions(fault_of("hg5y^rWFdW5/F-r-D@.}FoFd\n"), "FoFd"));
}

TEST_CASE("every cut of a good certificate is an error or a certificate, never a crash") {
    for (std::size_t length = 0; length < sample.size() - 2; ++length) {
        CHECK(fault_of(sample.substr(0, length)) != "no fault");
    }
}

TEST_CASE("the derivation agrees with the test vector in docs/decisions") {
    auto cert = CurveCert::derive(secret_of("correct horse battery staple"));
    REQUIRE(cert);
    CHECK(cert->public_key() == "cTx!W%0v)PfBWbMJP)RngTD$7aQkvd4)^vj/KGaT");
    CHECK(text_of(cert->secret_key()) == "6.>5%E{Kp+(FFqNEm*5!A.8A*a4L&Y{}MIp6#7pS");
    CHECK(CurveCert::parse(cert->encode()));
}

TEST_CASE("trailing newlines are not part of a shared secret, other blanks are") {
    const std::string secret = "correct horse battery staple";
    const std::string key = CurveCert::derive(secret_of(secret))->public_key();
    CHECK(CurveCert::derive(secret_of(secret + "\n"))->public_key() == key);
    CHECK(CurveCert::derive(secret_of(secret + "\r\n\n"))->public_key() == key);
    CHECK(CurveCert::derive(secret_of(secret + " "))->public_key() != key);
    CHECK(CurveCert::derive(secret_of("\n" + secret))->public_key() != key);
}

TEST_CASE("a shared secret of fewer than 16 bytes is refused") {
    CHECK(CurveCert::derive(secret_of("0123456789abcdef")));
    CHECK(mentions(CurveCert::derive(secret_of("0123456789abcde\n\n\n")).error(), "15 bytes"));
    CHECK_FALSE(CurveCert::derive(secret_of("")));
    CHECK_FALSE(CurveCert::derive(secret_of("\n")));
}

TEST_CASE("a secret of blanks, of NULs or of fewer than 4 different bytes: refused") {
    for (const std::string& text :
         {std::string(32, ' '), std::string(" \t\v\f\r\n \t\v\f\r\n \t\v\f"), std::string(32, '\0'),
          std::string(32, 'a'), std::string("abcabcabcabcabc abc")}) {
        const auto cert = CurveCert::derive(secret_of(text));
        REQUIRE_FALSE(cert);
        CHECK(mentions(cert.error(), "4 different bytes"));
    }
    CHECK(CurveCert::derive(secret_of("abcdabcdabcdabcd")));
}
