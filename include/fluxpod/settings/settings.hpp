// SPDX-License-Identifier: Apache-2.0
// What the user asked for: every field with its default and one line of meaning. Made by load(),
// immutable afterwards. No field is derived from the machine; "empty" and nullopt mean "not said",
// and identity or plan decides.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/time.hpp"

namespace fluxpod {

// The shape of Flux's tree based overlay network, flux-config-tbon(5).
struct TopologySpec {
    enum class Kind { kary, mincrit, binomial, custom, flat };
    Kind kind = Kind::kary;
    std::uint32_t k = 32;  // kary: fan-out, 0 = flat; mincrit: interior ranks, 0 = chosen by Flux
    // As [tbon] topo takes it: "kary:32", "mincrit", "mincrit:4", "binomial", "custom"; flat is
    // spelled "kary:0".
    [[nodiscard]] std::string flux_spelling() const;
};

// How far the wait for the parent goes before the broker is started.
enum class WaitUntil { dns, tcp, curve };
// What a supervised follower does. automatic: join again if the parent was lost, and end with 0 if
// it shut down in order.
enum class WhenParentLeaves { automatic, rejoin, complete, fail };
enum class ResourcesMode { render, discover };
// What to do where Flux would count more hardware than this pod has (node/node_rule.hpp).
enum class NodeRule { strict, share, warn, off };
enum class OutputFormat { text, json };

struct Settings {
    // The cluster and this pod's place in it.
    std::string cluster_name;  // empty: from the hostname
    std::uint32_t size = 1;
    std::optional<std::uint32_t> min_size;  // becomes Flux's quorum
    std::optional<std::uint32_t> max_size;  // hosts are registered up to here (elasticity)
    std::optional<std::uint32_t> index;
    std::string hostname;        // empty: the kernel's, first label
    std::string service;         // headless service; empty: names are used as they are
    std::string namespace_name;  // empty: service account file, then resolv.conf
    std::string cluster_domain;  // empty: from resolv.conf, else cluster.local
    std::string host_format;     // "%n-%i"; empty: the platform's convention
    std::string hosts;           // RFC 29 list instead of all of the above

    // The overlay network.
    std::uint16_t port = 8050;
    std::string bind;  // interface or address; empty: chosen
    TopologySpec topology;
    std::vector<std::string> parents;  // topology custom: "CHILDREN=PARENT", RFC 29 lists
    std::string curve_cert;
    std::string curve_secret;
    Duration connect_timeout = std::chrono::seconds(5);
    Duration tcp_user_timeout = std::chrono::seconds(20);

    // Flux.
    std::string root = "/run/fluxpod";
    std::string flux = "flux";
    std::string view;                         // a directory that holds Flux; empty: the image does
    std::string broker_config;                // the user's own TOML, merged over ours
    std::vector<std::string> broker_options;  // "ATTR=VALUE" for flux broker -S
    std::uint32_t broker_log_level = 6;       // syslog severity to stderr
    std::string archive;       // Flux's state from one life of the cluster to the next
    std::string queue_policy;  // fluxion's, only if asked for
    bool allow_guest = false;
    ResourcesMode resources = ResourcesMode::render;
    std::vector<std::string> resource_config;  // "HOSTS=cores:N,gpus:N,properties:A+B"

    // The node rule.
    NodeRule node_rule = NodeRule::share;
    std::uint32_t node_reserve = 10;    // percent of a node's CPUs that Kubernetes keeps
    std::optional<bool> node_check;     // nothing said: on unless the CPUs are counted once
    bool bind_cpus = false;             // a share that floats gets CPUs that no other rank has
    std::string node_name;              // spec.nodeName, if the pod gets it
    std::optional<double> cpu_request;  // in CPUs, if the pod gets it
    std::optional<double> cpu_limit;

    // After the launch.
    bool supervise = false;
    WhenParentLeaves when_parent_leaves = WhenParentLeaves::automatic;

    // The wait.
    Duration wait_timeout = std::chrono::minutes(10);
    WaitUntil wait_until = WaitUntil::curve;
    bool pin = true;  // the address that was verified goes into broker.toml instead of the name

    // Where settings come from besides flags and environment.
    std::string config;       // our own config file
    std::string minicluster;  // a MiniCluster YAML
    std::string container;    // which of its containers, if more than one runs Flux

    // What fluxpod logs and reports.
    std::string report;  // boot report, JSON lines
    std::string termination_log = "/dev/termination-log";
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::text;
    bool quiet = false;

    // init, render, keygen, wait, install, topology, probe.
    bool group = false;
    std::optional<Duration> grace;
    bool all = false;
    bool explain = false;
    std::string out;
    OutputFormat format = OutputFormat::text;
    std::string key_name;
    std::string from_secret;
    Duration timeout = std::chrono::minutes(5);
    std::string machine;
    bool svg = false;
    Duration answer_within = std::chrono::milliseconds(800);

    // What follows the options: targets or paths, and after "--" the command.
    std::vector<std::string> operands;
    std::vector<std::string> command;

    // Option name -> where its value came from: "flag --size", "FLUXPOD_SIZE", "line 3 of
    // /etc/fluxpod/fluxpod.conf", "spec.size of mini.yaml". Options at their default are absent.
    std::map<std::string, std::string> origins;
    [[nodiscard]] std::string origin_of(const std::string& option) const;
};

}  // namespace fluxpod
