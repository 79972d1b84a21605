// SPDX-License-Identifier: Apache-2.0
// The config file, and the same lines as variables of the environment.
#include "fluxpod/base/environ.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/settings/sources.hpp"
#include "input_file.hpp"
#include "property.hpp"

using namespace fluxpod;

namespace {

void check(const Result<std::vector<Assignment>>& assignments) {
    if (!assignments) {
        must_hold(assignments.error().code == ExitCode::settings, "a refusal has code 10");
        must_hold(!assignments.error().cause.empty(), "a refusal has a reason");
        return;
    }
    for (const auto& assignment : *assignments) {
        must_hold(find_option(assignment.option) != nullptr, "only options that exist are set");
        must_hold(!assignment.origin.empty(), "a value has an origin");
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const InputFile file;
    const auto text = as_text(data, size);
    file.set(text);
    check(read_config_file(file.path()));
    check(read_environment(Environment(split(text, '\n')), used_by::run));
    return 0;
}
