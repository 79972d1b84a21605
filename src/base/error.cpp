// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/error.hpp"

#include <system_error>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

std::string Error::message() const {
    std::string line = "cannot " + doing;
    if (!subject.empty()) line += " " + subject;
    if (!cause.empty()) line += ": " + cause;
    if (!tried.empty()) line += " (" + tried + ")";
    if (!hint.empty()) line += "; " + hint;
    return printable(line);
}

Error Error::during(std::string_view outer) && {
    std::string inner = doing;
    if (!subject.empty()) inner += " " + subject;
    cause = "cannot " + inner + (cause.empty() ? "" : ": " + cause);
    doing = std::string(outer);
    subject.clear();
    return std::move(*this);
}

Error usage_error(std::string doing, std::string subject, std::string cause, std::string hint) {
    return {.code = ExitCode::usage,
            .doing = std::move(doing),
            .subject = std::move(subject),
            .cause = std::move(cause),
            .hint = std::move(hint)};
}

std::string describe_errno(int error_number) {
    return std::generic_category().message(error_number);
}

}  // namespace fluxpod
