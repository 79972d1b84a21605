// SPDX-License-Identifier: Apache-2.0
// This pod, as far as it is known before its rank: its hostname, its index, the names that are
// listed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/hostlist.hpp"
#include "fluxpod/identity/pod_facts.hpp"
#include "fluxpod/settings/settings.hpp"
#include "platform.hpp"
#include "sourced.hpp"

namespace fluxpod {

struct KnownPod {
    const Settings& settings;
    const Platform& platform;
    SourcedName hostname;
    bool elsewhere;  // the hostname says nothing: another pod is meant
    std::optional<Index> index;
    std::optional<Hostlist> listed;
    std::uint32_t max_size;

    [[nodiscard]] bool names_are_said() const {
        return listed.has_value() || !settings.host_format.empty();
    }
};

// The whole name if --hosts has it so, or if only the whole has the platform's ordinal
// ("my.job-worker-1"). Else the first label: Kubernetes makes the whole FQDN the hostname if a pod
// asks for it (setHostnameAsFQDN), but Flux knows the pod by its label.
[[nodiscard]] SourcedName own_hostname(const Settings& settings, const PodFacts& facts,
                                       const Platform& platform,
                                       const std::optional<Hostlist>& listed);

// No fact says that the process is in a pod of its own: then --index or --all means another one.
[[nodiscard]] bool means_another_pod(const Settings& settings, const Platform& platform,
                                     bool elsewhere);

// Nullopt: the rank is the place of the hostname among the names.
[[nodiscard]] Result<std::optional<Index>> find_pod_index(const KnownPod& pod,
                                                          const PodFacts& facts);

[[nodiscard]] std::string first_label(const std::string& name);

}  // namespace fluxpod
