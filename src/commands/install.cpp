// SPDX-License-Identifier: Apache-2.0
// fluxpod install: this program, and a view of Flux if asked for, into a volume that the
// application's container shares.
#include "fluxpod/files/install.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <chrono>
#include <utility>

#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/commands/boot.hpp"
#include "fluxpod/gates/file_gate.hpp"
#include "fluxpod/gates/wait.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

namespace {

constexpr auto between_progress = std::chrono::seconds(2);

Result<std::string> directory_among(const std::vector<std::string>& operands) {
    if (operands.size() == 1) return operands.front();
    return fail(usage_error("install", operands.empty() ? "" : operands.at(1),
                            operands.empty() ? "missing DIR" : "only one DIR can be given",
                            "name the directory that the application's container shares"));
}

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

// Another container may still be unpacking it; its command is what it makes last.
Task<Result<int>> wait_for_view(const std::string& view, Duration timeout) {
    SteadyClock clock;
    const auto gate = make_file_gate(view + "/bin/flux");
    const std::vector<Gate*> gates{gate.get()};
    const WaitPolicy policy{.timeout = timeout, .backoff = {}, .seed = ::randombytes_random()};
    const std::string doing = "wait for the view";
    auto waited = co_await wait_for_gates(doing, gates, policy, clock);
    if (!waited) co_return fail(waited.error());
    co_return 0;
}

Result<int> install_view(const std::string& view, const std::string& directory) {
    const SteadyClock clock;
    TimePoint last_told = clock.now();
    auto copied =
        install_tree(view, directory + "/view", [&](const TreeSize& done, const TreeSize& all) {
            if (clock.now() - last_told >= between_progress) {
                last_told = clock.now();
                log::info("copied {} of {} files, {:.0f} of {:.0f} MiB", done.files, all.files,
                          mebibytes(done.bytes), mebibytes(all.bytes));
            }
            return !pending_boot_signal().has_value();
        });
    if (auto signal = pending_boot_signal()) return exit_for_signal(*signal);
    if (!copied) return fail(copied.error());
    if (copied->size.links_out > 0) {
        log::warning("symbolic links out of the view: {}, such as {}; mount what is there as well",
                     copied->size.links_out, copied->size.link_out);
    }
    return print(fmt::format("{}: {}, {} files, {:.1f} MiB\n", copied->path,
                             copied->changed ? "installed" : "already there, left alone",
                             copied->size.files, mebibytes(copied->size.bytes)));
}

}  // namespace

Result<int> install_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    auto directory = directory_among(settings->operands);
    if (!directory) return fail(directory.error());

    auto program = install_program(*directory);
    if (!program) return fail(program.error());
    auto told = print(fmt::format("{}: {}, {} bytes, sha256 {}\n", program->path,
                                  program->changed ? "installed" : "already there, left alone",
                                  program->bytes, program->sha256));
    if (!told || settings->view.empty()) return told;

    auto waited = run_until_signal(wait_for_view(settings->view, settings->timeout));
    if (!waited || *waited != 0) return waited;
    return install_view(settings->view, *directory);
}

}  // namespace fluxpod
