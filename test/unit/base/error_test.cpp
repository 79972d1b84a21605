// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <utility>

using namespace fluxpod;

namespace {

Error error_with(const char* doing, const char* subject, const char* cause, const char* hint) {
    return {ExitCode::settings, doing, subject, cause, "", hint};
}

}  // namespace

TEST_CASE("a message says what, with what, what came back, how often and what to try") {
    const Error error{.code = ExitCode::dns,
                      .doing = "resolve",
                      .subject = "fp-0.flux",
                      .cause = "NXDOMAIN",
                      .tried = "12 tries in 30s",
                      .hint = "is the headless service there"};
    CHECK(error.message() ==
          "cannot resolve fp-0.flux: NXDOMAIN (12 tries in 30s); is the headless service there");
}

TEST_CASE("what is empty leaves no trace in the message") {
    CHECK(error_with("boot", "", "", "").message() == "cannot boot");
    CHECK(error_with("read", "", "no", "").message() == "cannot read: no");
    CHECK(error_with("read", "x", "", "try y").message() == "cannot read x; try y");
}

TEST_CASE("hostile input cannot forge a second line or a terminal sequence") {
    const Error error = error_with("read", "a\nb", "\x1b[2J\r\xFF", "");
    CHECK(error.message() == R"(cannot read a\x0ab: \x1b[2J\x0d\xff)");
}

TEST_CASE("a layer further up adds what it was doing and keeps the rest") {
    Error inner{.code = ExitCode::certificate,
                .doing = "read",
                .subject = "/curve.cert",
                .cause = "Permission denied",
                .tried = "2 tries",
                .hint = "mode 0600"};
    const Error outer = std::move(inner).during("write the config");
    CHECK(outer.code == ExitCode::certificate);
    CHECK(outer.message() ==
          "cannot write the config: cannot read /curve.cert: Permission denied (2 tries); "
          "mode 0600");
}

TEST_CASE("a result is a value or an error") {
    const Result<int> value = 3;
    CHECK(value == 3);
    const Result<int> error = fail(error_with("count", "", "", ""));
    REQUIRE_FALSE(error.has_value());
    CHECK(to_int(error.error().code) == 10);
    const Status passed_on = fail(error.error());
    CHECK(passed_on.error().doing == "count");
}

TEST_CASE("an errno is described in words") {
    CHECK(describe_errno(EACCES) == "Permission denied");
    CHECK(describe_errno(ENOENT) == "No such file or directory");
    CHECK_FALSE(describe_errno(123456).empty());
}

TEST_CASE("a child ended by a signal gives 128 and its number") {
    CHECK(exit_for_signal(15) == 143);
}
