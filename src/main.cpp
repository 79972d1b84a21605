// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "fluxpod/commands/table.hpp"
#include "fluxpod/process/exec.hpp"
#include "fluxpod/process/signals.hpp"

int main(int argc, char** argv) {
    // Before all else: a signal that arrives earlier is lost to PID 1 (kernel: pid_namespaces(7)).
    const sigset_t inherited = fluxpod::block_all_signals();
    fluxpod::reserve_standard_descriptors();
    return fluxpod::run_fluxpod({argv + (argc > 0 ? 1 : 0), argv + argc},
                                fluxpod::Environment::copy_of(environ), inherited);
}
