// SPDX-License-Identifier: Apache-2.0
#include "layout.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>

namespace fluxpod {

namespace {

// Flux keeps room for "/local-9999" in a socket's address (unix(7), 108 bytes). Our own socket,
// "/local", is shorter, so this one bound is enough.
constexpr std::size_t longest_rundir = 96;

}  // namespace

Layout Layout::below(const std::string& root) {
    // "/" alone becomes the empty prefix.
    std::string base = root.substr(0, root.find_last_not_of('/') + 1);
    return {
        .root = base.empty() ? "/" : base,
        .config_dir = base + "/etc/flux/config",
        .broker_toml = base + "/etc/flux/config/broker.toml",
        .r = base + "/etc/flux/system/R",
        .hostlist = base + "/etc/flux/system/hostlist",
        .rc_extra = base + "/etc/flux",
        .modprobe = base + "/etc/flux/modprobe",
        .node_check = base + "/etc/flux/modprobe/rc1.d/fluxpod-node-check.py",
        .node_check_script = base + "/etc/flux/rc1.d/fluxpod-node-check",
        .shell_rc = base + "/etc/flux/shell",
        .view_rc = base + "/etc/flux/shell/fluxpod-view.lua",
        .affinity_rc = base + "/etc/flux/shell/fluxpod-affinity.lua",
        .tmp = base + "/tmp",
        .home = base + "/home",
        .curve_cert = base + "/curve/curve.cert",
        .rundir = base + "/run/flux",
        .statedir = base + "/var/lib/flux",
        .dump = base + "/var/lib/flux/fluxpod-dump.tar",
        .early_dump = base + "/var/lib/flux/fluxpod-dump.early.tar",
        .local_socket = base + "/run/flux/local",
        .local_uri = "local://" + base + "/run/flux/local",
        .state = base + "/run/state.json",
        .pulse_socket = base + "/run/pulse",
    };
}

Status check_root(const Settings& settings, const Layout& layout) {
    Error error{.code = ExitCode::settings,
                .doing = "use --root",
                .subject = settings.root,
                .cause = "",
                .hint = "it was set by " + settings.origin_of("root")};
    if (settings.root.empty() || settings.root.front() != '/') {
        error.cause = "it is not an absolute path";
        return fail(std::move(error));
    }
    if (layout.rundir.size() > longest_rundir) {
        error.cause = fmt::format("{} has {} bytes, and Flux's sockets need at most {}",
                                  layout.rundir, layout.rundir.size(), longest_rundir);
        error.hint = "choose a shorter directory";
        return fail(std::move(error));
    }
    return {};
}

}  // namespace fluxpod
