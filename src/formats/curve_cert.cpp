// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/curve_cert.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

constexpr std::size_t key_bytes = crypto_scalarmult_curve25519_BYTES;
constexpr std::size_t key_characters = key_bytes / 4 * 5;
constexpr std::size_t max_line = 255;
constexpr std::size_t max_key = 64;
constexpr std::size_t least_secret = 16;
constexpr std::ptrdiff_t min_different_bytes = 4;
constexpr std::size_t entry_overhead = std::string_view("     = \"\"").size();

// ZeroMQ RFC 32: the digit that stands for a number from 0 to 84.
constexpr std::string_view z85_digits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

using Bytes = std::span<const std::uint8_t>;
using Writable = std::span<std::uint8_t>;

// `from` is a multiple of 4 bytes long, `to` has 5 for each 4.
void z85_encode(Bytes from, Writable to) {
    for (; !from.empty(); from = from.subspan(4), to = to.subspan(5)) {
        std::uint32_t number = 0;
        for (std::uint8_t byte : from.first(4)) number = (number << 8U) | byte;
        for (std::size_t i = 5; i-- > 0; number /= 85) {
            to[i] = static_cast<std::uint8_t>(z85_digits[number % 85]);
        }
    }
}

// False if a character is not a digit or five of them say more than 32 bits.
bool z85_decode(std::string_view from, Writable to) {
    for (; !from.empty(); from.remove_prefix(5), to = to.subspan(4)) {
        std::uint64_t number = 0;
        for (char digit : from.substr(0, 5)) {
            auto value = z85_digits.find(digit);
            if (value == std::string_view::npos) return false;
            number = number * 85 + value;
        }
        if (number > UINT32_MAX) return false;
        for (std::size_t i = 4; i-- > 0; number >>= 8U) to[i] = static_cast<std::uint8_t>(number);
    }
    return true;
}

// Blanks and NULs do not count: a file of them is empty by mistake.
bool has_different_bytes(Bytes secret) {
    std::array<bool, 256> seen{};
    for (const std::uint8_t byte : secret) seen.at(byte) = true;
    for (const char blank : std::string_view(" \t\n\v\f\r\0", 7)) {
        seen.at(static_cast<std::uint8_t>(blank)) = false;
    }
    return std::ranges::count(seen, true) >= min_different_bytes;
}

// The Z85 text of the public key that belongs to a raw secret key.
std::string public_key_of(const SecretBytes& raw_secret) {
    std::array<std::uint8_t, key_bytes> raw{};
    std::array<std::uint8_t, key_characters> text{};
    ::crypto_scalarmult_curve25519_base(raw.data(), raw_secret.view().data());
    z85_encode(raw, text);
    return {text.begin(), text.end()};
}

SecretBytes z85_of(const SecretBytes& raw) {
    SecretBytes text(key_characters);
    z85_encode(raw.view(), text.writable());
    return text;
}

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool fits_key(char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; }

bool fits_value(char c) {
    constexpr std::string_view others = ".-:+=^!/*?&<>()[]{}@%$# \t";
    return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
}

// What the grammar refuses becomes a hyphen, so that a name stays recognisable.
std::string cleaned(std::string_view text, bool (*fits)(char), std::size_t most) {
    std::string clean(text.substr(0, most));
    std::ranges::replace_if(
        clean, [&](char c) { return !fits(c); }, '-');
    return clean;
}

// Reads line by line. Views point into the secret's own memory, and only what cannot be the secret
// key becomes a string.
class Parser {
  public:
    // The cause, or nothing.
    std::optional<std::string> read(std::string_view text) {
        while (!text.empty()) {
            ++line_number_;
            auto end = text.find('\n');
            auto line = text.substr(0, end);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            if (auto fault = read_line(line)) {
                return fmt::format("line {}: {}", line_number_, *fault);
            }
        }
        if (public_key.empty()) return "the curve section has no public-key";
        if (!secret_key) return "the curve section has no secret-key";
        return std::nullopt;
    }

    std::map<std::string, std::string> metadata;
    std::string public_key;
    std::optional<SecretBytes> secret_key;  // Z85
    std::optional<SecretBytes> raw_secret;

  private:
    enum class Section { none, metadata, curve };

    std::optional<std::string> read_line(std::string_view line) {
        if (line.size() > max_line) {
            return fmt::format("longer than {} characters", max_line);
        }
        if (line.find('\0') != std::string_view::npos) return "a NUL character";
        const bool indented = line.starts_with(' ') || line.starts_with('\t');
        const std::string_view content = trim(line);
        if (content.empty() || content.front() == '#') return std::nullopt;
        if (indented) return read_entry(content);
        if (content == "metadata") {
            section_ = Section::metadata;
        } else if (content == "curve") {
            section_ = Section::curve;
        } else {
            return "neither a section (metadata, curve) nor an indented entry";
        }
        return std::nullopt;
    }

    std::optional<std::string> read_entry(std::string_view content) {
        auto at = content.find('=');
        if (at == std::string_view::npos) return R"(an entry without "=")";
        const std::string_view key = trim(content.substr(0, at));
        std::string_view value = trim(content.substr(at + 1));
        if (key.empty() || !std::ranges::all_of(key, fits_key)) {
            return R"(a key that is not made of letters, digits, "." and "-")";
        }
        if (value.size() < 2 || value.front() != '"' || value.back() != '"') {
            return "a value that is not in double quotes";
        }
        value = value.substr(1, value.size() - 2);
        if (!std::ranges::all_of(value, fits_value)) {
            return R"(a value with a character that Flux does not take, such as "_" or ",")";
        }
        if (section_ == Section::curve) return read_curve(key, value);
        if (section_ == Section::none) return "an entry before any section";
        if (!metadata.emplace(key, value).second) return "a key that is there twice";
        return std::nullopt;
    }

    std::optional<std::string> read_curve(std::string_view key, std::string_view value) {
        const bool is_public = key == "public-key";
        if (!is_public && key != "secret-key") {
            return "a key that is neither public-key nor secret-key";
        }
        if (is_public ? !public_key.empty() : secret_key.has_value()) {
            return "a key that is there twice";
        }
        SecretBytes raw(key_bytes);
        if (value.size() != key_characters || !z85_decode(value, raw.writable())) {
            return fmt::format("a key that is not {} characters of Z85", key_characters);
        }
        if (is_public) {
            public_key = value;
        } else {
            raw_secret = std::move(raw);
            secret_key = SecretBytes::copy_of_text(value);
        }
        return std::nullopt;
    }

    Section section_ = Section::none;
    std::size_t line_number_ = 0;
};

}  // namespace

CurveCert CurveCert::generate() {
    SecretBytes raw(key_bytes);
    ::randombytes_buf(raw.writable().data(), raw.size());
    return {public_key_of(raw), z85_of(raw)};
}

OrCause<CurveCert> CurveCert::derive(const SecretBytes& secret) {
    static_assert(derivation_context.size() >= crypto_generichash_KEYBYTES_MIN &&
                  derivation_context.size() <= crypto_generichash_KEYBYTES_MAX);
    Bytes bytes = secret.view();
    while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) {
        bytes = bytes.first(bytes.size() - 1);
    }
    if (bytes.size() < least_secret) {
        return tl::unexpected(
            fmt::format("{} bytes are too few for a secret, at least {} are needed", bytes.size(),
                        least_secret));
    }
    if (!has_different_bytes(bytes)) {
        return tl::unexpected(
            std::string("it is all blanks, or has fewer than 4 different bytes: no secret"));
    }
    SecretBytes raw(key_bytes);
    const int failed =
        ::crypto_generichash(raw.writable().data(), raw.size(), bytes.data(), bytes.size(),
                             reinterpret_cast<const std::uint8_t*>(derivation_context.data()),
                             derivation_context.size());
    if (failed != 0) return tl::unexpected(std::string("BLAKE2b failed"));
    return CurveCert(public_key_of(raw), z85_of(raw));
}

OrCause<CurveCert> CurveCert::parse(const SecretBytes& text) {
    Parser parser;
    if (auto fault = parser.read(exposed_text(text))) return tl::unexpected(*fault);
    if (public_key_of(*parser.raw_secret) != parser.public_key) {
        return tl::unexpected(std::string("the public key does not belong to the secret key"));
    }
    CurveCert cert(std::move(parser.public_key), std::move(*parser.secret_key));
    for (const auto& [key, value] : parser.metadata) cert.set_metadata(key, value);
    return cert;
}

void CurveCert::set_metadata(std::string_view key, std::string_view value) {
    std::string clean_key = cleaned(key, fits_key, max_key);
    if (clean_key.empty()) return;
    const std::size_t room = max_line - entry_overhead - clean_key.size();
    metadata_[std::move(clean_key)] = cleaned(value, fits_value, room);
}

SecretBytes CurveCert::encode() const {
    std::string head =
        "# CURVE certificate of a Flux instance, with its secret key: keep it private\n";
    head += "metadata\n";
    auto entries = metadata_;
    entries.try_emplace("name", "fluxpod");
    for (const auto& [key, value] : entries) head += fmt::format("    {} = \"{}\"\n", key, value);
    head += fmt::format("curve\n    public-key = \"{}\"\n    secret-key = \"", public_key_);
    constexpr std::string_view tail = "\"\n";

    SecretBytes text(head.size() + secret_key_.size() + tail.size());
    auto at = std::ranges::copy(head, text.writable().begin()).out;
    at = std::ranges::copy(secret_key_.view(), at).out;
    std::ranges::copy(tail, at);
    return text;
}

}  // namespace fluxpod
