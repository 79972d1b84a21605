// SPDX-License-Identifier: Apache-2.0
// CURVE certificates as flux-keygen(1) writes and flux-core's cert.c reads them: two sections,
// "metadata" and "curve", entries indented `key = "value"`. All brokers of an instance share one.
//
// Grammar kept on both sides: keys [A-Za-z0-9.-]+; values of letters, digits, space, tab and
// .-:+=^!/*?&<>()[]{}@%$# (no underscore, no comma, no quote); lines of at most 255 characters;
// "curve" has exactly public-key and secret-key, each 40 characters of Z85 (ZeroMQ RFC 32), and
// the public key belongs to the secret one (X25519, RFC 7748). A certificate whose metadata has no
// name is written with the name "fluxpod": a broker that has children does not start without one.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "fluxpod/base/or_cause.hpp"
#include "fluxpod/base/secret.hpp"

namespace fluxpod {

class CurveCert {
  public:
    // A fresh random key pair.
    static CurveCert generate();
    // The same pair on every pod that holds the same secret: seed = BLAKE2b-256 of the secret,
    // keyed with the context below (libsodium crypto_generichash), and the seed is the secret
    // key, which X25519 itself clamps whenever it is used. At least 16 bytes of secret are
    // required, with 4 different ones besides blanks and NULs. Trailing newlines are not part of it
    // (a Secret made by kubectl --from-file and one typed by hand agree). The test vector is in
    // docs/decisions.
    static constexpr std::string_view derivation_context = "fluxpod curve certificate v1";
    static OrCause<CurveCert> derive(const SecretBytes& secret);
    // The error is the cause in words with the line's number, never with the line's content.
    static OrCause<CurveCert> parse(const SecretBytes& text);

    // Characters that the grammar refuses become "-", and a value that makes a line too long is
    // cut.
    void set_metadata(std::string_view key, std::string_view value);
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

    [[nodiscard]] const std::string& public_key() const {
        return public_key_;
    }  // Z85, 40 characters
    [[nodiscard]] const SecretBytes& secret_key() const { return secret_key_; }  // Z85, 40 bytes
    // The file's text, which holds the secret key.
    [[nodiscard]] SecretBytes encode() const;

  private:
    CurveCert(std::string public_key, SecretBytes secret_key)
        : public_key_(std::move(public_key)), secret_key_(std::move(secret_key)) {}
    std::map<std::string, std::string> metadata_;
    std::string public_key_;
    SecretBytes secret_key_;
};

}  // namespace fluxpod
