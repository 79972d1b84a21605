// SPDX-License-Identifier: Apache-2.0
// The boot as data: one immutable value with every decision, made before anything is written or
// sent. `fluxpod render --explain` prints it, tests compare it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fluxpod/formats/broker_toml.hpp"
#include "fluxpod/formats/resource_set.hpp"
#include "fluxpod/identity/bind_choice.hpp"
#include "fluxpod/identity/identity.hpp"
#include "fluxpod/node/node_rule.hpp"
#include "fluxpod/plan/tree.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// Everything below --root (design.md section 2).
struct Layout {
    std::string root;
    std::string config_dir;         // root/etc/flux/config
    std::string broker_toml;        // config_dir/broker.toml
    std::string r;                  // root/etc/flux/system/R
    std::string hostlist;           // root/etc/flux/system/hostlist
    std::string rc_extra;           // root/etc/flux, with rc1.d below it
    std::string modprobe;           // root/etc/flux/modprobe, with rc1.d below it
    std::string node_check;         // modprobe/rc1.d/fluxpod-node-check.py
    std::string node_check_script;  // rc_extra/rc1.d/fluxpod-node-check
    std::string shell_rc;      // root/etc/flux/shell, what Flux's job shell reads besides its own
    std::string view_rc;       // shell_rc/fluxpod-view.lua
    std::string affinity_rc;   // shell_rc/fluxpod-affinity.lua
    std::string tmp;           // root/tmp, temporary files where /tmp will not do
    std::string home;          // root/home, where HOME will not do
    std::string curve_cert;    // root/curve/curve.cert
    std::string rundir;        // root/run/flux
    std::string statedir;      // root/var/lib/flux
    std::string dump;          // statedir/fluxpod-dump.tar, not yet in the archive
    std::string early_dump;    // statedir/fluxpod-dump.early.tar: flux-dump(1) goes by the suffix
    std::string local_socket;  // rundir/local, where the broker answers
    std::string local_uri;     // the same as Flux names it
    std::string state;         // root/run/state.json, where the boot is
    std::string pulse_socket;  // root/run/pulse, where the supervisor answers
    static Layout below(const std::string& root);
};

struct CertPlan {
    enum class Source { none, file, secret };
    Source source = Source::none;
    std::string path;  // of the certificate or of the shared secret
};

// What brokers and jobs may read, and what nobody else may.
inline constexpr mode_t config_file_mode = 0644;
inline constexpr mode_t certificate_mode = 0600;
inline constexpr mode_t program_file_mode = 0755;

struct DirectoryPlan {
    std::string path;
    mode_t mode;                // of a directory that is made; one that exists keeps its own
    bool must_be_ours = false;  // owned by us and rwx for us, or it is refused
};

struct GatePlan {
    std::uint32_t parent = 0;  // rank
    std::string host;          // absolute name or address literal
    std::uint16_t port = 0;
    WaitUntil until = WaitUntil::curve;
    bool pin = true;  // whether the address that answered goes into broker.toml
    Duration timeout{};
};

// What the broker does in rc1 about other ranks on its kernel: see files/node_check.hpp.
struct NodeCheckPlan {
    std::string node_name;               // empty: not known
    bool drains = false;                 // a rank that is not the first one of its kernel
    bool required = false;               // a check that fails ends the broker
    std::uint32_t bind_count = 0;        // CPUs to bind this broker to; 0: none
    std::vector<NodeShape::Core> cores;  // to choose from
};

struct LaunchPlan {
    std::string flux;  // the program, looked up in PATH unless it has a slash
    std::vector<std::pair<std::string, std::string>> attributes;  // of the broker, in their order
    std::vector<std::string> initial_program;                     // empty: Flux waits to be ended
    std::vector<std::pair<std::string, std::string>> set_environment;  // over the inherited one
    // Lists with ":" between their words, which keep what they have inherited.
    std::vector<std::pair<std::string, std::string>> append_environment;
};

// The places that Flux and its jobs write to, with the reason for each: plan/scratch.hpp.
struct ScratchNote {
    bool warns = false;  // somebody should look
    std::string text;
};

struct Plan {
    Identity identity;
    Layout layout;
    Tree tree;                            // of all brokers
    std::optional<std::uint32_t> parent;  // rank; nothing for the lead
    std::vector<std::uint32_t> children;
    BindChoice bind;
    BrokerConfig broker;                   // but for the hosts: plan/broker.hpp
    std::string user_toml;                 // the content, already read
    std::optional<ResourceSet> resources;  // nothing: Flux discovers by itself
    std::optional<Judgement> node;         // nothing: the node rule is off
    std::optional<NodeCheckPlan> node_check;
    std::string view;  // directory of Flux and its libraries; empty: in the image
    CertPlan certificate;
    std::vector<DirectoryPlan> directories;  // the root first, each below one before it
    std::string archive;                     // the lead's; empty if no state is kept
    std::optional<GatePlan> gate;            // followers only
    LaunchPlan launch;
    std::vector<ScratchNote> scratch;  // empty: all is as Flux has it
};

}  // namespace fluxpod
