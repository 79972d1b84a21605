// SPDX-License-Identifier: Apache-2.0
#include "misfit.hpp"

#include <fmt/format.h>

#include <utility>

namespace fluxpod {

Error misfit(std::string doing, std::string cause, std::string hint) {
    return {.code = ExitCode::identity,
            .doing = std::move(doing),
            .cause = std::move(cause),
            .hint = std::move(hint)};
}

Error wrong_setting(const std::string& option, const SourcedName& setting, std::string cause) {
    return {.code = ExitCode::settings,
            .doing = fmt::format("use {} \"{}\" ({})", option, setting.value, setting.origin),
            .cause = std::move(cause),
            .hint = {}};
}

}  // namespace fluxpod
