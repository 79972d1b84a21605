// SPDX-License-Identifier: Apache-2.0
#include "known_pod.hpp"

#include <fmt/format.h>

namespace fluxpod {

std::string first_label(const std::string& name) { return name.substr(0, name.find('.')); }

SourcedName own_hostname(const Settings& settings, const PodFacts& facts, const Platform& platform,
                         const std::optional<Hostlist>& listed) {
    SourcedName name{facts.kernel_hostname, "the kernel's"};
    if (!settings.hostname.empty()) {
        name = {settings.hostname, settings.origin_of("hostname")};
    } else if (platform.sign == &PodFacts::reverse_name) {
        name = {*facts.reverse_name, "the reverse name of its address"};
    }
    if (listed && listed->find(name.value)) return name;
    const std::string label = first_label(name.value);
    const auto has_ordinal = [&](const std::string& of) {
        return split_ordinal(of, platform.others).has_value();
    };
    if (!is_plain(platform) && has_ordinal(name.value) && !has_ordinal(label)) return name;
    if (label == name.value) return name;
    return {label, fmt::format("the first label of {}, {}", name.value, name.origin)};
}

bool means_another_pod(const Settings& settings, const Platform& platform, bool elsewhere) {
    return elsewhere && is_plain(platform) && settings.hostname.empty() &&
           (settings.index.has_value() || settings.all);
}

Result<std::optional<Index>> find_pod_index(const KnownPod& pod, const PodFacts& facts) {
    const auto& settings = pod.settings;
    if (settings.index) return Index{*settings.index, settings.origin_of("index")};
    if (pod.elsewhere) return Index{0, settings.origin_of("all")};
    // If names are listed, the index is the hostname's place among them and not its ordinal.
    if (pod.platform.index == IndexSource::ordinal && pod.names_are_said()) return std::nullopt;
    return platform_index(pod.platform, facts, pod.hostname.value);
}

}  // namespace fluxpod
