// SPDX-License-Identifier: Apache-2.0
// broker.toml (flux-config(5) and the pages it names) from a value, with the user's own TOML
// merged over it key by key. Written by the TOML library, sorted by key: same value, same bytes.
//
// The user's TOML is hostile input: bounded in size and depth before the library sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/base/error.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

// One entry of [bootstrap] hosts (flux-config-bootstrap(5)). Flux knows exactly these keys.
struct BootstrapHosts {
    std::string host;  // RFC 29
    std::optional<std::string> bind;
    std::optional<std::string> connect;
    std::optional<std::string> parent;  // topology custom only
};

struct BrokerConfig {
    bool allow_guest_user = false;  // [access]
    bool allow_root_owner = true;

    // [bootstrap]
    std::optional<std::string> curve_cert;  // path; required by Flux for more than one host
    std::uint16_t default_port = 8050;
    std::string default_bind;     // "tcp://eth0:%p"
    std::string default_connect;  // "tcp://%h.flux-service.default.svc.cluster.local:%p"
    bool enable_ipv6 = false;
    std::vector<BootstrapHosts> hosts;  // order is rank

    // [tbon]
    std::string topo;              // "kary:32"
    std::string connect_timeout;   // Flux Standard Duration
    std::string tcp_user_timeout;  // Flux Standard Duration

    std::optional<std::string> resource_path;  // [resource] path, the file R
    // The kernels know the pods by other names than R does: [resource.verify] must not compare
    // them, or every rank would drain itself. Its other modes stay at Flux's defaults.
    bool ignore_kernel_hostnames = false;
    std::optional<std::string> queue_policy;  // [sched-fluxion-qmanager] queue-policy
    // [kvs] checkpoint-period, Flux Standard Duration; empty: Flux's default, never. A lead that
    // crashed goes on from the last checkpoint if its statedir is still there.
    std::string checkpoint_period;
};

// The text of broker.toml, of any length. `user_toml` may be empty. Errors are the cause in words,
// with the line if it is known: not TOML, too large (256 KiB), nested deeper than 32 levels, tens
// of thousands of values in one line, a number that does not fit, or a key that contradicts Flux's
// own rules (see check_broker_toml).
[[nodiscard]] OrCause<std::string> encode_broker_toml(const BrokerConfig& config,
                                                      std::string_view user_toml);

// The keys of a user's TOML below its sections, as pairs: {"bootstrap", "hosts"}. Errors as above.
[[nodiscard]] OrCause<std::vector<std::pair<std::string, std::string>>> section_keys(
    std::string_view user_toml);

// Parses a broker.toml back and applies the rules that Flux applies to [bootstrap], [tbon] and
// [resource] before anything starts (flux-core conf_bootstrap.c, ovconf.c, resource.c): known
// keys only, host names of valid labels, own hostname present (a repeated host counts once), bind
// and connect URIs that are tcp:// or ipc:// and carry no ":*", port range, curve_cert for more
// than one host, parents that exist and form no cycle. The error names key and value.
[[nodiscard]] OrCause<void> check_broker_toml(std::string_view toml, std::string_view own_hostname);

}  // namespace fluxpod
