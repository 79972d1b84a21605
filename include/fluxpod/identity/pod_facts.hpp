// SPDX-License-Identifier: Apache-2.0
// What this pod can read about itself: environment, hostname, downward files. Read, not judged.
#pragma once

#include <optional>
#include <string>

#include "fluxpod/base/environ.hpp"
#include "fluxpod/formats/resolv_conf.hpp"
#include "fluxpod/identity/live_files.hpp"
#include "fluxpod/identity/scratch_facts.hpp"

namespace fluxpod {

// The places of the facts, so that a test can point elsewhere.
struct SystemPaths {
    std::string resolv_conf = "/etc/resolv.conf";
    std::string hosts = "/etc/hosts";
    std::string namespace_file = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
    std::string labels_file = "/etc/podinfo/labels";  // downward API volume, metadata.labels
    std::string route = "/proc/net/route";            // proc_net(5), IPv4
    std::string ipv6_route = "/proc/net/ipv6_route";
};

struct PodFacts {
    std::string kernel_hostname;  // gethostname(2), whole
    // The platforms' variables (flux-facts section 5), as they are.
    std::optional<std::string>
        job_completion_index;  // JOB_COMPLETION_INDEX: Indexed Job, JobSet, Trainer
    std::optional<std::string> lws_worker_index;    // LWS_WORKER_INDEX: LeaderWorkerSet
    std::optional<std::string> lws_group_size;      // LWS_GROUP_SIZE
    std::optional<std::string> lws_leader_address;  // LWS_LEADER_ADDRESS
    std::optional<std::string> mpi_job_role;        // K_MPI_JOB_ROLE: launcher or worker
    std::optional<std::string> pod_namespace;    // POD_NAMESPACE, by custom from the downward API
    std::optional<std::string> pod_index_label;  // apps.kubernetes.io/pod-index in labels_file
    std::optional<std::string> namespace_file;   // the service account's namespace
    bool in_kubernetes = false;                  // KUBERNETES_SERVICE_HOST, which every pod has
    // The name that the pod's own address resolves to (compose replicas), first label; asked for
    // only if needs_reverse_name says so, by the caller, since identity does not touch the network.
    std::optional<std::string> reverse_name;
    ResolvConf resolv_conf;  // as it was at the start: the search list is read once
    LiveHosts hosts_file;
    // Read by the caller, for this pod and no other, since --root comes from the settings.
    std::optional<ScratchFacts> scratch;
};

[[nodiscard]] PodFacts read_pod_facts(const Environment& environment, const SystemPaths& paths);

}  // namespace fluxpod
