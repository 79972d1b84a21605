// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/broker.hpp"

#include <fmt/format.h>

#include <utility>

namespace fluxpod {

namespace {

// One entry for all ranks, except that each run of ranks with the same parent needs its own in a
// custom tree, and a rank with a `connect` of its own does in any.
class HostEntries {
  public:
    explicit HostEntries(const Plan& plan) : hosts_(plan.identity.hosts) {}

    void add(std::size_t first, std::size_t count, std::uint32_t parent,
             const std::string& connect) {
        if (count == 0) return;
        BootstrapHosts entry{
            .host = hosts_.slice(first, count).encode(), .bind = {}, .connect = {}, .parent = {}};
        if (!connect.empty()) entry.connect = connect;
        // Flux's own default is the lead.
        if (parent != 0) entry.parent = hosts_.at(parent);
        entries_.push_back(std::move(entry));
    }
    [[nodiscard]] std::vector<BootstrapHosts> take() { return std::move(entries_); }

  private:
    const Hostlist& hosts_;
    std::vector<BootstrapHosts> entries_;
};

std::vector<BootstrapHosts> list_hosts(const Plan& plan, const std::string& parent_endpoint) {
    const std::size_t size = plan.identity.hosts.size();
    const bool custom = plan.tree.spec().kind == TopologySpec::Kind::custom;
    // Who is whose parent is written out in a custom tree only.
    const auto written_parent = [&](std::size_t rank) {
        return custom ? plan.tree.parent_of(static_cast<std::uint32_t>(rank)).value_or(0) : 0;
    };
    const std::size_t pinned = parent_endpoint.empty() || !plan.parent ? size : *plan.parent;

    HostEntries entries(plan);
    for (std::size_t first = 0, next = 0; first < size; first = next) {
        const std::uint32_t parent = written_parent(first);
        next = custom ? first + 1 : size;
        while (next < size && written_parent(next) == parent) ++next;
        if (pinned < first || pinned >= next) {
            entries.add(first, next - first, parent, "");
            continue;
        }
        entries.add(first, pinned - first, parent, "");
        entries.add(pinned, 1, parent, parent_endpoint);
        entries.add(pinned + 1, next - pinned - 1, parent, "");
    }
    return entries.take();
}

}  // namespace

BrokerConfig broker_config(const Plan& plan, const std::string& parent_endpoint) {
    BrokerConfig config = plan.broker;
    config.hosts = list_hosts(plan, parent_endpoint);
    if (parent_endpoint.starts_with("tcp://[")) config.enable_ipv6 = true;
    return config;
}

std::vector<std::string> broker_argv(const Plan& plan, bool restores) {
    const LaunchPlan& launch = plan.launch;
    // The file and not its directory: what is read is what was checked, and nothing beside it.
    std::vector<std::string> argv{launch.flux, "broker",
                                  "--config-path=" + plan.layout.broker_toml};
    for (const auto& [name, value] : launch.attributes) {
        argv.push_back(fmt::format("-S{}={}", name, value));
    }
    if (restores) argv.push_back("-Scontent.restore=" + plan.archive);
    if (launch.initial_program.empty()) return argv;
    argv.emplace_back("--");
    argv.insert(argv.end(), launch.initial_program.begin(), launch.initial_program.end());
    return argv;
}

}  // namespace fluxpod
