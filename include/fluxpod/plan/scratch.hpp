// SPDX-License-Identifier: Apache-2.0
// Where Flux and its jobs write: TMPDIR, HOME and Flux's run directory, decided from what the
// places of this pod take. Pure.
//
// A nested instance (flux batch, flux alloc) makes two directories for its broker in TMPDIR;
// without TMPDIR one in /tmp and one in /var/tmp (flux-core broker.c, rundir_create). A batch
// script lies in a directory of the run directory, from where it is executed (flux-core
// shell/tmpdir.c, batch.c). Without HOME and without an entry in /etc/passwd, flux jobs and flux
// resource end with an error.
#pragma once

#include "fluxpod/identity/scratch_facts.hpp"
#include "fluxpod/plan/plan.hpp"

namespace fluxpod {

// The plan with the variables, directories and attributes that the places of this pod make
// necessary:
//
//   TMPDIR  one that takes files is kept. Unset, with /tmp that takes files and programs and
//   /var/tmp
//           that takes files: left unset. Else the first of /tmp, /var/tmp and root/tmp that takes
//           files and programs, or else files.
//   HOME    set to root/home if it is unset, missing, or "/" and takes no files. Another directory
//           that takes no files is kept, since what is in it may be needed.
//   rundir  left to Flux, which makes it in TMPDIR, if --root takes no programs and TMPDIR does.
//
// A job has the environment of who submits it. The lead's program has the broker's; a shell of
// kubectl exec has the container's, so for that one volumes at /tmp and /var/tmp are the way.
[[nodiscard]] Plan with_scratch(Plan plan, const ScratchFacts& facts);

}  // namespace fluxpod
