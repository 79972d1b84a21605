// SPDX-License-Identifier: Apache-2.0
// The steps of a boot and of an end, above all with --archive, that carry Flux's state from one
// life of the cluster to the next. supervise/archive.hpp defines the archive.
#pragma once

#include "fluxpod/base/beside.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/process/run_child.hpp"
#include "fluxpod/report/boot_report.hpp"

namespace fluxpod {

// A lead whose statedir holds the store of an earlier life. Logs what becomes of it: Flux goes on
// from its last checkpoint, or replaces it by the archive.
[[nodiscard]] bool look_for_earlier_store(const Plan& plan);

// Before the launch: a dump that an earlier life of this pod could not save is saved first. Then
// returns whether there is an archive to restore: false if the path does not exist. Error 13 if the
// file is not a whole archive, or if the next one could not be written.
[[nodiscard]] Result<bool> ready_to_restore(const Plan& plan);

// While the broker still runs, once jobs were cut: flux-dump(1) writes a first dump, which counts
// if Flux does not come to its own before it is killed. Ends with flux-dump, with whether the dump
// is whole; cancelled, flux-dump is killed.
[[nodiscard]] Task<bool> dump_early(const Plan& plan, Program flux, Reaper& reaper, Clock& clock);

// After the broker's end: its dump, or else the first one, becomes the archive. Returns the exit
// code to end with: the broker's, or error 13 if the broker's would hide that nothing was saved. It
// takes as long as bytes move, which `movement` shows: who gave us the grace period ends it.
// Cancelled, the archive and the dump are as they were.
[[nodiscard]] Task<Result<int>> save_state(const Plan& plan, int exit_code, BootReport& report,
                                           Movement& movement, Clock& clock);

}  // namespace fluxpod
