// SPDX-License-Identifier: Apache-2.0
#include "owned.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/broker_toml.hpp"

namespace fluxpod {

namespace {

struct Owned {
    std::string_view section;  // of broker.toml; empty: an attribute of the broker
    std::string_view name;
    std::string_view hint;
};

constexpr std::string_view attribute;
constexpr std::string_view use_root = "use --root, below which it is";
constexpr std::string_view use_archive = "use --archive";
constexpr std::string_view use_topology = "use --topology";
constexpr std::string_view use_resources =
    "use --resource-config, or --resources discover, which leaves [resource] to you";

// flux-config-bootstrap(5), flux-config-tbon(5), flux-config-resource(5),
// flux-broker-attributes(7).
constexpr auto owned = std::to_array<Owned>({
    {"bootstrap", "curve_cert", "use --curve-cert or --curve-secret"},
    {"bootstrap", "default_bind", "use --bind and --port"},
    {"bootstrap", "default_connect", "use --service, --namespace, --cluster-domain and --port"},
    {"bootstrap", "default_port", "use --port"},
    {"bootstrap", "enable_ipv6", "use --bind with an IPv6 address"},
    {"bootstrap", "hosts",
     "use --hosts or --host-format; for parents --topology custom with --parent"},
    {"resource", "config", use_resources},
    {"resource", "path", use_resources},
    {"tbon", "topo", use_topology},

    {attribute, "broker.boot-method", "brokers boot from the rendered broker.toml"},
    {attribute, "broker.quorum", "use --min-size"},
    {attribute, "broker.rc2_none", "it is set unless there is a COMMAND"},
    {attribute, "config.path", "use --broker-config"},
    {attribute, "content.dump", use_archive},
    {attribute, "content.restore", use_archive},
    {attribute, "hostlist", "use --hosts or --host-format"},
    {attribute, "hostname", "use --hostname"},
    {attribute, "local-uri", use_root},
    {attribute, "rundir", use_root},
    {attribute, "statedir", use_root},
    {attribute, "statedir-cleanup", "the state has to outlive the broker to be saved"},
    {attribute, "tbon.fanout", use_topology},
    {attribute, "tbon.topo", use_topology},
});

const Owned* find_owned(std::string_view section, std::string_view name) {
    const auto* found = std::ranges::find_if(
        owned, [&](const Owned& each) { return each.section == section && each.name == name; });
    return found == owned.end() ? nullptr : found;
}

Error contradiction(std::string doing, std::string subject, std::string_view name,
                    std::string_view hint) {
    return {.code = ExitCode::settings,
            .doing = std::move(doing),
            .subject = std::move(subject),
            .cause = fmt::format("fluxpod sets {} itself", name),
            .hint = std::string(hint)};
}

}  // namespace

Status check_owned_keys(const Settings& settings, const std::string& user_toml) {
    const std::string doing = "merge the broker config";
    auto keys = section_keys(user_toml);
    if (!keys) {
        Error error = contradiction(doing, settings.broker_config, "", "");
        error.cause = keys.error();
        return fail(std::move(error));
    }
    for (const auto& [section, key] : *keys) {
        const Owned* found = find_owned(section, key);
        if (found == nullptr) continue;
        // Without an R of ours there is nothing that it would contradict.
        if (section == "resource" && settings.resources == ResourcesMode::discover) continue;
        return fail(contradiction(doing, settings.broker_config,
                                  fmt::format("[{}] {}", section, key), found->hint));
    }
    return {};
}

Status check_owned_attributes(const Settings& settings) {
    for (const auto& option : settings.broker_options) {
        const std::string name = option.substr(0, option.find('='));
        const Owned* found = find_owned(attribute, name);
        if (found == nullptr) continue;
        return fail(contradiction("use --broker-option", option, name, found->hint));
    }
    return {};
}

}  // namespace fluxpod
