// SPDX-License-Identifier: Apache-2.0
#include "launch.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// Broker attributes in the order in which they were first set. Flux refuses one that is given
// twice (EPERM), so a user's value takes the place of ours.
class Attributes {
  public:
    using Entries = std::vector<std::pair<std::string, std::string>>;

    void set(std::string_view name, std::string_view value) {
        auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
        if (found == entries_.end()) {
            entries_.emplace_back(name, value);
        } else {
            found->second = value;
        }
    }
    [[nodiscard]] Entries take() { return std::move(entries_); }

  private:
    Entries entries_;
};

Status add_user_attributes(const Settings& settings, Attributes& attributes) {
    for (const auto& option : settings.broker_options) {
        const auto equals = option.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail({.code = ExitCode::settings,
                         .doing = "use --broker-option",
                         .subject = option,
                         .cause = "it is not ATTR=VALUE",
                         .hint = "it was set by " + settings.origin_of("broker-option")});
        }
        attributes.set(std::string_view(option).substr(0, equals),
                       std::string_view(option).substr(equals + 1));
    }
    return {};
}

// Flux makes a shell an interactive one, and hands a word that a shell might read otherwise to one.
bool is_plain_program(const std::string& word) {
    return word.starts_with('/') && !word.ends_with("sh") && is_alphanumeric(word, "/._-");
}

// Flux hands an initial program of one word to a shell, or takes it for an interactive one, and
// executes several words as they are. env(1) is a second word that changes nothing else, but it
// would take a name with "=" for a variable. A plain path Flux 0.88 executes as it is, and an image
// that is the application alone has no env.
Result<std::vector<std::string>> plan_initial_program(const std::vector<std::string>& command) {
    if (command.size() != 1 || is_plain_program(command.front())) return command;
    if (command.front().find('=') == std::string::npos) {
        return std::vector<std::string>{"env", "--", command.front()};
    }
    return fail({.code = ExitCode::settings,
                 .doing = "run",
                 .subject = command.front(),
                 .cause = "a program's name with \"=\" and without arguments cannot be given to "
                          "Flux",
                 .hint = "try sh -c 'exec \"$0\"' " + command.front()});
}

}  // namespace

bool has_foreign_hostname(const Identity& identity) {
    return !identity.kernel_hostname.empty() && identity.kernel_hostname != identity.hostname;
}

bool has_shell_rc(const Plan& plan) {
    return !plan.view.empty() || (plan.node && plan.node->floats);
}

Result<LaunchPlan> plan_launch(const Settings& settings, const Plan& plan) {
    const Identity& identity = plan.identity;
    const bool has_program = identity.is_lead() && !settings.command.empty();

    Attributes attributes;
    attributes.set("rundir", plan.layout.rundir);
    attributes.set("local-uri", plan.layout.local_uri);
    if (identity.is_lead()) attributes.set("statedir", plan.layout.statedir);
    if (!plan.archive.empty()) attributes.set("content.dump", plan.layout.dump);
    // Flux 0.82 is the first to know this attribute, so it is used only if needed.
    if (has_foreign_hostname(identity)) attributes.set("hostname", identity.hostname);
    attributes.set("broker.quorum", std::to_string(identity.min_size));
    if (!has_program) attributes.set("broker.rc2_none", "1");
    attributes.set("log-stderr-level", std::to_string(settings.broker_log_level));
    attributes.set("log-stderr-mode", "local");
    if (auto added = add_user_attributes(settings, attributes); !added) return fail(added.error());

    LaunchPlan launch;
    if (plan.node_check) {
        launch.append_environment.emplace_back("FLUX_RC_EXTRA", plan.layout.rc_extra);
        launch.append_environment.emplace_back("FLUX_MODPROBE_PATH_APPEND", plan.layout.modprobe);
    }
    if (!plan.view.empty()) {
        launch.append_environment.emplace_back("LD_LIBRARY_PATH", plan.view + "/lib");
    }
    if (has_shell_rc(plan)) {
        launch.append_environment.emplace_back("FLUX_SHELL_RC_PATH", plan.layout.shell_rc);
    }
    const bool of_view = !plan.view.empty() && !settings.origins.contains("flux");
    launch.flux = of_view ? plan.view + "/bin/flux" : settings.flux;
    launch.attributes = attributes.take();
    if (has_program) {
        auto program = plan_initial_program(settings.command);
        if (!program) return fail(program.error());
        launch.initial_program = std::move(*program);
    }
    return launch;
}

}  // namespace fluxpod
