// SPDX-License-Identifier: Apache-2.0
#include "service_address.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "fluxpod/formats/hostname.hpp"
#include "misfit.hpp"
#include "sourced.hpp"

namespace fluxpod {

namespace {

SourcedName find_namespace(const Settings& settings, const PodFacts& facts) {
    if (!settings.namespace_name.empty()) {
        return {settings.namespace_name, settings.origin_of("namespace")};
    }
    if (!facts.pod_namespace.value_or("").empty()) return {*facts.pod_namespace, "POD_NAMESPACE"};
    if (facts.namespace_file) return {*facts.namespace_file, "the service account"};
    if (auto found = namespace_of(facts.resolv_conf.search); !found.empty()) {
        return {found, "resolv.conf"};
    }
    return {settings.service.empty() ? "" : "default", "default"};
}

SourcedName find_domain(const Settings& settings, const PodFacts& facts) {
    SourcedName domain{"cluster.local", "default"};
    if (!settings.cluster_domain.empty()) {
        domain = {settings.cluster_domain, settings.origin_of("cluster-domain")};
    } else if (auto found = cluster_domain_of(facts.resolv_conf.search); !found.empty()) {
        domain = {found, "resolv.conf"};
    }
    if (domain.value.ends_with('.')) domain.value.pop_back();
    return domain;
}

}  // namespace

Status find_service_address(Identity& identity, const Settings& settings, const PodFacts& facts) {
    const SourcedName service{settings.service, settings.origin_of("service")};
    const SourcedName namespace_name = find_namespace(settings, facts);
    const SourcedName domain = find_domain(settings, facts);
    identity.service = service.value;
    identity.namespace_name = namespace_name.value;
    identity.cluster_domain = domain.value;
    if (service.value.empty()) return {};  // then none of them is used
    for (const auto& [option, part] : {std::pair{"service", &service},
                                       {"namespace", &namespace_name},
                                       {"cluster domain", &domain}}) {
        if (auto fault = hostname_fault(part->value)) {
            return fail(wrong_setting(option, *part, *fault));
        }
    }
    for (const auto& host : identity.hosts.boundary_names()) {
        const std::string address = host + identity.address_suffix();
        if (auto fault = hostname_fault(address)) {
            return fail(misfit(fmt::format("use {} as the address of rank {}", address,
                                           identity.hosts.find(host).value()),
                               *fault, "no such name can be looked up"));
        }
    }
    return {};
}

}  // namespace fluxpod
