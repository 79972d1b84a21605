// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/secret.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <concepts>
#include <ostream>
#include <string>
#include <type_traits>

#include "temp_dir.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;

namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
    out << value;
};

std::string text_of(const SecretBytes& secret) {
    return {secret.view().begin(), secret.view().end()};
}

}  // namespace

TEST_CASE("a secret can be neither printed, nor converted, nor compared, nor copied") {
    static_assert(!fmt::is_formattable<SecretBytes>::value);
    static_assert(!Streamable<SecretBytes>);
    static_assert(!std::is_convertible_v<SecretBytes, std::string>);
    static_assert(!std::is_constructible_v<std::string, SecretBytes>);
    static_assert(!std::equality_comparable<SecretBytes>);
    static_assert(!std::is_copy_constructible_v<SecretBytes>);
    static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
}

TEST_CASE("a secret holds the bytes that it was given") {
    const std::array<std::uint8_t, 3> bytes{1, 2, 3};
    auto secret = SecretBytes::copy_of(bytes);
    CHECK(secret.size() == 3);
    CHECK(std::ranges::equal(secret.view(), bytes));
    secret.writable()[0] = 9;
    CHECK(secret.view()[0] == 9);
    secret.shrink(1);
    CHECK(secret.view().size() == 1);
    const SecretBytes moved = std::move(secret);
    CHECK(moved.view()[0] == 9);
}

TEST_CASE("a secret from characters: exposed where they are") {
    const auto secret = SecretBytes::copy_of_text("s3cret");
    CHECK(exposed_text(secret) == "s3cret");
    CHECK(static_cast<const void*>(exposed_text(secret).data()) == secret.view().data());
    CHECK(exposed_text(SecretBytes::copy_of_text("")).empty());
}

TEST_CASE("an empty secret is one") {
    const SecretBytes secret(0);
    CHECK(secret.size() == 0);
    CHECK(secret.view().empty());
    CHECK(SecretBytes::copy_of({}).view().empty());
}

TEST_CASE("a secret file is read whole") {
    const TempDir dir;
    const auto path = dir.write("secret", std::string("a\0b\n", 4));
    const auto secret = read_secret_file(path, 4);
    REQUIRE(secret.has_value());
    CHECK(text_of(*secret) == std::string("a\0b\n", 4));
    CHECK(read_secret_file(dir.write("empty", ""), 4)->view().empty());
    CHECK(read_secret_file(dir.write("none", ""), 0)->view().empty());
}

TEST_CASE("a secret file that is too large, missing or a directory is a failure") {
    const TempDir dir;
    const auto large = read_secret_file(dir.write("large", "12345"), 4);
    REQUIRE_FALSE(large.has_value());
    CHECK(large.error().error_number == EFBIG);
    CHECK(large.error().cause == "larger than 4 bytes");
    CHECK(read_secret_file(dir / "absent", 4).error().error_number == ENOENT);
    CHECK(read_secret_file(dir.path(), 4).error().error_number == EISDIR);
}
