// SPDX-License-Identifier: Apache-2.0
#include "cluster_hosts.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/hostname.hpp"
#include "misfit.hpp"

namespace fluxpod {

namespace {

// The text around each %i of a host format, with the cluster's name put in.
Result<std::vector<std::string>> split_format(const SourcedName& format,
                                              const std::string& cluster_name) {
    std::vector<std::string> pieces(1);
    for (std::size_t at = 0; at < format.value.size(); ++at) {
        if (format.value[at] != '%') {
            pieces.back() += format.value[at];
            continue;
        }
        const char token = ++at < format.value.size() ? format.value[at] : '\0';
        if (token == '%') {
            pieces.back() += '%';
        } else if (token == 'n') {
            pieces.back() += cluster_name;
        } else if (token == 'i') {
            pieces.emplace_back();
        } else {
            const auto unknown =
                token == '\0' ? "a single % at its end" : fmt::format("%{}", token);
            return fail(wrong_setting("host-format", format,
                                      unknown + " is none of %n (name), %i (index), %%"));
        }
    }
    return pieces;
}

Result<Hostlist> format_hosts(const SourcedName& format, const std::string& cluster_name,
                              std::uint32_t count) {
    auto pieces = split_format(format, cluster_name);
    if (!pieces) return fail(pieces.error());
    Hostlist hosts;
    if (pieces->size() == 1 && count > 1) {
        return fail(wrong_setting("host-format", format,
                                  fmt::format("without %i all {} hosts have one name", count)));
    }
    if (pieces->size() == 2) {
        hosts.append_range(pieces->front(), 0, count - 1, 1, pieces->back());
        return hosts;
    }
    for (std::uint32_t index = 0; index < count; ++index) {
        hosts.append(join(*pieces, std::to_string(index)));
    }
    return hosts;
}

// One pod alone needs no number in its name, whatever name it has.
bool is_alone(const KnownPod& pod) {
    return pod.max_size == 1 && pod.platform.lead == numbered && !pod.names_are_said() &&
           !(pod.elsewhere && !pod.settings.cluster_name.empty()) &&
           !split_ordinal(pod.hostname.value, pod.platform.others);
}

}  // namespace

Result<std::optional<Hostlist>> read_listed_hosts(const Settings& settings) {
    if (settings.hosts.empty()) return std::nullopt;
    const SourcedName list{settings.hosts, settings.origin_of("hosts")};
    auto hosts = Hostlist::parse(list.value);
    if (!hosts) return fail(wrong_setting("hosts", list, hosts.error()));
    if (hosts->empty() || hosts->size() > Hostlist::max_in_range) {
        return fail(wrong_setting("hosts", list,
                                  fmt::format("it names {} hosts and 1 to {} are possible",
                                              hosts->size(), Hostlist::max_in_range)));
    }
    if (auto twice = hosts->repeated()) {
        return fail(
            misfit("give every rank a host of its own",
                   fmt::format("hosts \"{}\" ({}) names {} twice", list.value, list.origin, *twice),
                   "Flux would drop the second one and move every rank after it"));
    }
    return *hosts;
}

Result<Hostlist> make_cluster_hosts(const KnownPod& pod) {
    if (pod.listed) return *pod.listed;
    const auto& settings = pod.settings;
    if (is_alone(pod)) {
        Hostlist alone;
        alone.append(pod.hostname.value);
        return alone;
    }
    const bool is_lead = pod.index && pod.index->value == 0;
    const std::string cluster_name =
        settings.cluster_name.empty() ? cluster_name_in(pod.platform, pod.hostname.value, is_lead)
                                      : settings.cluster_name;
    if (settings.host_format.empty()) {
        return platform_hosts(pod.platform, cluster_name, pod.max_size);
    }
    const SourcedName format{settings.host_format, settings.origin_of("host-format")};
    return format_hosts(format, cluster_name, pod.max_size);
}

Status check_host_names(const Hostlist& hosts) {
    for (const auto& host : hosts.boundary_names()) {
        if (auto fault = hostname_fault(host)) {
            return fail(
                misfit(fmt::format("use {} as the host of rank {}", host, hosts.find(host).value()),
                       *fault, "Flux would refuse it"));
        }
    }
    return {};
}

}  // namespace fluxpod
