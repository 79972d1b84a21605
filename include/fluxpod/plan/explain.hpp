// SPDX-License-Identifier: Apache-2.0
// A Plan for people and for programs. No secret is in a Plan, so none can be in here.
//
// The JSON object's members, always all of them and in this order:
//
//   pod          hostname, rank, role ("lead", "follower"), address, platform, index_origin
//   cluster      size, min_size (Flux's quorum), max_size, hosts (RFC 29, position = rank)
//   tree         topology (as [tbon] topo has it), parent ({rank, hostname, address} or null),
//                children (ranks, RFC 22)
//   overlay      port, bind, bind_reason, ipv6, connect
//   certificate  source ("none", "file", "secret"), path
//   resources    null where Flux discovers them, else this pod's: cores, gpus (RFC 22)
//   node         null where the node rule is off, else verdict ("whole node", "proven share",
//                "unproven", "violated"), reason, floats (R counts a share of CPU time, and
//                jobs are not bound to cores), bind (null: nothing is bound before the start)
//   directories  array of {path, mode}; a mode is text, "0755"
//   files        array of {path, mode}
//   wait         null for the lead, else host, port, until ("dns", "tcp", "curve"), timeout
//                (RFC 23)
//   scratch      array of text: what was decided about TMPDIR, HOME and the rundir, and why
//   launch       argv, environment ({name: value} to set over the inherited one), append ({name:
//                value} to add to an inherited list with ":")
//   origins      {option: where its value came from}; options at their default are absent
#pragma once

#include <string>

#include "fluxpod/plan/plan.hpp"
#include "fluxpod/settings/settings.hpp"

namespace fluxpod {

// A screen of text: each decision with its value and the reason or origin.
[[nodiscard]] std::string explain_as_text(const Plan& plan, const Settings& settings);
// The same as one JSON object on one line, newline at the end.
[[nodiscard]] std::string explain_as_json(const Plan& plan, const Settings& settings);

}  // namespace fluxpod
