// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/node_check.hpp"

#include <fmt/format.h>

#include <string_view>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// A name as one step of a KVS key, where a dot begins the next.
std::string key_of(std::string_view name) {
    std::string key;
    for (char c : name) key += is_alphanumeric({&c, 1}, "-") ? c : '_';
    return key.empty() ? "node" : key;
}

constexpr std::string_view script = R"(#!/bin/sh
# Made by fluxpod: ranks on one kernel would have its hardware counted once for each.
rank={rank}
host={host}
uri={uri}
boot_id_file=/proc/sys/kernel/random/boot_id
seconds=20

# An instance within this one inherits FLUX_RC_EXTRA, and is none of ours.
[ "$FLUX_URI" = "$uri" ] || exit 0
boot_id=$(cat "$boot_id_file") || exit 0
key=fluxpod.node-check.$boot_id.{node}
drained=fluxpod.node-check.drained.$rank
line="$rank $host"
timeout $seconds flux kvs put --append "$key=$line
" || exit 0
list=$(timeout $seconds flux kvs get "$key" "$drained" 2>/dev/null)

while read -r first name; do
    [ "$first" != "$rank" ] || break
    [ -n "$first" ] || continue
    there=$(timeout $seconds flux exec --rank "$first" cat "$boot_id_file" </dev/null 2>/dev/null)
    [ "$there" = "$boot_id" ] || continue
    timeout $seconds flux resource drain --update "$rank" \
        "on the node of rank $first ($name), which is counted there: kernel boot id $boot_id"
    timeout $seconds flux kvs put "$drained=drained"
    exit 0
done <<EOF
$list
EOF

# It has its node for itself now, and only what was said above is taken back.
case $list in *drained)
    reason=$(timeout $seconds flux resource drain --include "$rank" --no-header --format '{{reason}}')
    case $reason in *"which is counted there"*) timeout $seconds flux resource undrain "$rank" ;; esac
    timeout $seconds flux kvs unlink "$drained" ;;
esac
exit 0
)";

}  // namespace

std::string render_node_check(const Plan& plan) {
    return fmt::format(script, fmt::arg("rank", plan.identity.rank),
                       fmt::arg("host", shell_quoted(plan.identity.hostname)),
                       fmt::arg("uri", shell_quoted(plan.node_check->uri)),
                       fmt::arg("node", key_of(plan.node_check->node_name)));
}

}  // namespace fluxpod
