// SPDX-License-Identifier: Apache-2.0
// run --archive: the steps of a boot and of an end that carry Flux's state from one life of the
// cluster to the next. What an archive is, files/archive.hpp says.
#pragma once

#include "fluxpod/base/error.hpp"
#include "fluxpod/plan/plan.hpp"
#include "fluxpod/report/boot_report.hpp"

namespace fluxpod {

// Before the launch: a dump that an earlier life of this pod could not save is saved first. Then
// whether there is an archive to restore: no, where the path does not exist; error 13 where what
// is there is not a whole archive, or where the next one could not be written.
[[nodiscard]] Result<bool> ready_to_restore(const Plan& plan);

// After the broker's end: its dump becomes the archive. The exit code to end with: the broker's, or
// error 13 where that would hide that nothing was saved.
[[nodiscard]] Result<int> save_state(const Plan& plan, int exit_code, BootReport& report);

}  // namespace fluxpod
