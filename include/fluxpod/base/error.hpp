// SPDX-License-Identifier: Apache-2.0
// Errors are values. An Error carries what a person needs in order to act: what was being
// done, to what, what came back, after how many tries and how long, and what to try next;
// and the exit code that the process ends with if nobody handles it.
//
// Exceptions of libraries are caught where the library is called and become Errors there.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "fluxpod/base/exit_codes.hpp"

namespace fluxpod {

struct Error {
    ExitCode code = ExitCode::settings;
    std::string doing{};    // an infinitive without "to": "read the CURVE certificate"
    std::string subject{};  // with what: a path, a name, a value; may be empty
    std::string cause{};    // what came back: "No such file or directory"
    std::string tried{};    // "12 tries in 30s"; empty if there was only one try
    std::string hint{};     // what to try next, a sentence without full stop; may be empty

    // One line: "cannot DOING SUBJECT: CAUSE (TRIED); HINT". Control characters that came
    // in with hostile input are escaped, so that a message never forges a second line.
    [[nodiscard]] std::string message() const;

    // The same error seen from one layer further up: "DOING: <the old doing and subject>".
    [[nodiscard]] Error during(std::string_view outer) &&;
};

// Words of the command line that cannot be right: exit code 2.
[[nodiscard]] Error usage_error(std::string doing, std::string subject, std::string cause,
                                std::string hint = "");

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// return fail({...}) makes any Result<T> from an Error; return fail(other.error()) passes one on.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

// strerror without its thread-unsafe buffer: "Permission denied".
[[nodiscard]] std::string describe_errno(int error_number);

}  // namespace fluxpod
