// SPDX-License-Identifier: Apache-2.0
#include "explain_words.hpp"

#include <fmt/format.h>

namespace fluxpod {

std::string_view name_of(WaitUntil until) {
    switch (until) {
        case WaitUntil::dns: return "dns";
        case WaitUntil::tcp: return "tcp";
        case WaitUntil::curve: return "curve";
    }
    return "";
}

std::string_view name_of(CertPlan::Source source) {
    switch (source) {
        case CertPlan::Source::none: return "none";
        case CertPlan::Source::file: return "file";
        case CertPlan::Source::secret: return "secret";
    }
    return "";
}

std::string octal(mode_t mode) { return fmt::format("{:04o}", mode); }

Idset children_of(const Plan& plan) {
    Idset children;
    for (auto rank : plan.children) children.insert(rank);
    return children;
}

std::vector<std::pair<std::string, mode_t>> files_of(const Plan& plan) {
    std::vector<std::pair<std::string, mode_t>> files{{plan.layout.broker_toml, config_file_mode},
                                                      {plan.layout.hostlist, config_file_mode}};
    if (plan.resources) files.emplace_back(plan.layout.r, config_file_mode);
    if (plan.node_check) {
        files.emplace_back(plan.layout.node_check, config_file_mode);
        files.emplace_back(plan.layout.node_check_script, program_file_mode);
    }
    if (!plan.view.empty()) files.emplace_back(plan.layout.view_rc, config_file_mode);
    if (plan.node && plan.node->floats) {
        files.emplace_back(plan.layout.affinity_rc, config_file_mode);
    }
    if (plan.certificate.source != CertPlan::Source::none) {
        files.emplace_back(plan.layout.curve_cert, certificate_mode);
    }
    return files;
}

}  // namespace fluxpod
