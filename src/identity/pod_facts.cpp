// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/pod_facts.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

std::string read_kernel_hostname() {
    std::array<char, 256> name{};  // HOST_NAME_MAX is 64 on Linux
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

// None of these files has to be there: a pod may mount no token, no labels, no resolv.conf.
std::string read_if_there(const std::string& path) {
    auto text = read_file(path);
    if (text) return *text;
    const int number = text.error().error_number;
    if (number != ENOENT && number != ENOTDIR) {
        log::warning("cannot read {}: {}; it is ignored", path, text.error().cause);
    }
    return {};
}

// The downward API writes a label per line, its value in double quotes. A label's value is
// letters, digits, "-", "_" and ".", so that nothing in it can be escaped.
std::optional<std::string> find_label(const std::string& labels, std::string_view key) {
    for (const auto& line : split(labels, '\n')) {
        const auto at = line.find('=');
        if (at == std::string::npos || std::string_view(line).substr(0, at) != key) continue;
        auto value = trim(std::string_view(line).substr(at + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        return std::string(value);
    }
    return std::nullopt;
}

std::optional<std::string> unless_empty(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return std::string(text);
}

}  // namespace

PodFacts read_pod_facts(const Environment& environment, const SystemPaths& paths) {
    PodFacts facts;
    facts.kernel_hostname = read_kernel_hostname();
    facts.job_completion_index = environment.get("JOB_COMPLETION_INDEX");
    facts.lws_worker_index = environment.get("LWS_WORKER_INDEX");
    facts.lws_group_size = environment.get("LWS_GROUP_SIZE");
    facts.lws_leader_address = environment.get("LWS_LEADER_ADDRESS");
    facts.mpi_job_role = environment.get("K_MPI_JOB_ROLE");
    facts.pod_namespace = environment.get("POD_NAMESPACE");
    facts.in_kubernetes = environment.get("KUBERNETES_SERVICE_HOST").has_value();
    facts.pod_index_label =
        find_label(read_if_there(paths.labels_file), "apps.kubernetes.io/pod-index");
    facts.namespace_file = unless_empty(trim(read_if_there(paths.namespace_file)));
    facts.resolv_conf = read_resolv_conf(paths.resolv_conf);
    facts.hosts_file = LiveHosts(paths.hosts);
    return facts;
}

}  // namespace fluxpod
