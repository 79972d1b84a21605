// SPDX-License-Identifier: Apache-2.0
// The published exit codes (README, man page). A code says which stage of the boot gave up,
// so that a script, or a Kubernetes podFailurePolicy, can tell a fault of configuration from
// a peer that never came.
#pragma once

namespace fluxpod {

enum class ExitCode : int {
    ok = 0,
    answer_no = 1,     // probe: it is not so
    usage = 2,         // unknown option, missing argument
    settings = 10,     // a value that cannot be right
    identity = 11,     // index, hostname and host list do not fit
    node_rule = 12,    // Flux would count this pod's hardware wrongly
    files = 13,        // the config could not be written or read back
    certificate = 14,  // missing, unreadable, malformed, too open, or not a key pair
    dns = 20,          // the name did not resolve before the deadline
    network = 21,      // the name resolved, TCP did not connect before the deadline
    curve = 22,        // the peer has another key, or is not a CURVE peer
    file_gate = 23,    // a file to wait for did not come before the deadline
    cannot_run = 126,  // the command was found but could not be run
    not_found = 127,   // the command was not found
};

constexpr int to_int(ExitCode code) { return static_cast<int>(code); }

// Shell convention for "ended by signal n" (POSIX sh, 2.8.2 Exit Status for Commands).
constexpr int exit_for_signal(int signal_number) { return 128 + signal_number; }

}  // namespace fluxpod
