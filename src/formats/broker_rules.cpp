// SPDX-License-Identifier: Apache-2.0
#include "broker_rules.hpp"

#include "bootstrap_rules.hpp"
#include "resource_rules.hpp"
#include "tbon_rules.hpp"

namespace fluxpod {

OrCause<void> check_broker_rules(const Toml& root, std::optional<std::string_view> own_hostname) {
    if (auto checked = check_bootstrap(root, own_hostname); !checked) return checked;
    if (auto checked = check_tbon(root); !checked) return checked;
    return check_resource(root);
}

}  // namespace fluxpod
