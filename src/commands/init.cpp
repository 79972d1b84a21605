// SPDX-License-Identifier: Apache-2.0
// fluxpod init: PID 1 for any command, nothing of Flux.
#include "fluxpod/process/init.hpp"

#include <unistd.h>

#include "fluxpod/commands/boot.hpp"
#include "fluxpod/process/exec.hpp"
#include "fluxpod/process/processes.hpp"

namespace fluxpod {

Result<int> init_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    if (settings->command.empty()) {
        return fail(usage_error("start a command", "", "missing COMMAND",
                                "write it after \"--\": fluxpod init -- COMMAND"));
    }
    // Look it up before forking, so that we report a missing program.
    auto program = find_program(settings->command.front(), invocation.environment);
    if (!program) return fail(program.error());

    // --grace ends every descendant, which as PID 1 the end of the container does anyway.
    if (settings->grace && ::getpid() != 1 && has_living_child()) {
        auto above = step_below_an_init(invocation.environment);
        if (!above) return fail(above.error());
        if (*above) return **above;
    }
    return run_as_init(
        {.program = {.path = *program,
                     .argv = settings->command,
                     .environment = invocation.environment,
                     .mask = invocation.inherited_mask},
         .report_exec_failure = [&](const Error& error) { (void)report_error(error, *settings); }},
        {.group = settings->group, .grace = settings->grace});
}

}  // namespace fluxpod
