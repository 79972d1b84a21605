// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/run_child.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>
#include <variant>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/log.hpp"
#include "fluxpod/process/child_status.hpp"
#include "fluxpod/process/processes.hpp"

namespace fluxpod {

namespace {

Error cannot_prepare(const Program& program, const char* what, int error_number = errno) {
    return {.code = ExitCode::cannot_run,
            .doing = "start",
            .subject = program.path,
            .cause = std::string(what) + ": " + describe_errno(error_number),
            .hint = ""};
}

// A file that nobody else sees: unlike a pipe it needs no writer, and cannot break.
Result<Fd> stdin_of(const ChildRequest& request) {
    Fd file(request.input.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                                  : ::memfd_create("stdin", MFD_CLOEXEC));
    if (!file.valid()) return fail(cannot_prepare(request.program, "stdin"));
    if (auto done = write_all(file.get(), request.input); !done) {
        return fail(cannot_prepare(request.program, "stdin", done.error().error_number));
    }
    if (!request.input.empty()) (void)::lseek(file.get(), 0, SEEK_SET);
    return file;
}

struct Pipe {
    Fd read_end, write_end;
};

Result<Pipe> make_pipe(const Program& program) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(cannot_prepare(program, "pipe"));
    return Pipe{.read_end = Fd(ends[0]), .write_end = Fd(ends[1])};
}

// One captured stream. The bytes that were read stay here when reading is cancelled.
class Capture {
  public:
    Capture(const asio::any_io_executor& executor, Fd read_end, std::size_t most)
        : pipe_(executor, read_end.release()), most_(most) {
        pipe_.non_blocking(true);
    }

    Task<void> until_closed() {
        while (true) {
            const auto buffer = asio::buffer(chunk_);
            const auto [error, count] = co_await pipe_.async_read_some(buffer, as_result);
            keep(count);
            if (error) co_return;
        }
    }
    // All that the command wrote before it ended is in the pipe by now; a descendant that holds the
    // pipe and goes on writing is not followed.
    void take_the_rest() {
        constexpr int largest_pipe = (1 << 20) / sizeof(chunk_);
        for (int i = 0; i < largest_pipe; ++i) {
            const ssize_t count = ::read(pipe_.native_handle(), chunk_.data(), chunk_.size());
            if (count <= 0) return;
            keep(static_cast<std::size_t>(count));
        }
    }
    [[nodiscard]] bool truncated() const { return truncated_; }
    std::string take() { return std::move(text_); }

  private:
    void keep(std::size_t count) {
        const std::size_t kept = std::min(count, most_ - text_.size());
        text_.append(chunk_.data(), kept);
        truncated_ = truncated_ || kept < count;
    }

    asio::posix::stream_descriptor pipe_;
    std::size_t most_;
    std::array<char, 4096> chunk_{};
    std::string text_;
    bool truncated_ = false;
};

// An early return leaves no process running.
class KillUnlessEnded {
  public:
    explicit KillUnlessEnded(Child child) : child_(std::move(child)) {}
    KillUnlessEnded(const KillUnlessEnded&) = delete;
    KillUnlessEnded& operator=(const KillUnlessEnded&) = delete;
    ~KillUnlessEnded() {
        if (!child_.has_ended()) child_.signal_group(SIGKILL);
    }

  private:
    Child child_;
};

// The wait status, unless it takes longer.
Task<std::optional<int>> end_within(Reaper& reaper, Child child, Duration limit, Clock& clock) {
    const TimePoint deadline = clock.now() + limit;
    auto first = co_await (reaper.end_of(child) || clock.sleep_until(deadline));
    if (auto* status = std::get_if<0>(&first)) co_return *status;
    co_return std::nullopt;
}

Task<int> end_or_be_ended(Reaper& reaper, Child child, const ChildRequest& request, Clock& clock,
                          bool& timed_out) {
    auto status = co_await end_within(reaper, child, request.timeout, clock);
    if (status) co_return *status;
    timed_out = true;
    child.signal_group(SIGTERM);
    child.signal_group(SIGCONT);
    status = co_await end_within(reaper, child, request.term_to_kill, clock);
    if (status) co_return *status;
    child.signal_group(SIGKILL);
    status = co_await end_within(reaper, child, after_kill, clock);
    co_return status.value_or(SIGKILL);
}

Task<void> read_both(Capture& output, Capture& errors) {
    co_await (output.until_closed() && errors.until_closed());
    // The command has closed them, which is not its end.
    co_await sleep_for_ever();
}

// What the child finds at 0, 1 and 2.
struct Streams {
    Fd input;
    Pipe output, errors;
};

Result<Streams> open_streams(const ChildRequest& request) {
    auto input = stdin_of(request);
    if (!input) return fail(input.error());
    Streams streams{.input = std::move(*input), .output = {}, .errors = {}};
    if (!request.capture_output) return streams;
    for (Pipe* pipe : {&streams.output, &streams.errors}) {
        auto made = make_pipe(request.program);
        if (!made) return fail(made.error());
        *pipe = std::move(*made);
    }
    return streams;
}

Result<Child> start(Reaper& reaper, const ChildRequest& request, const Streams& streams) {
    SpawnHooks hooks;
    hooks.prepare = [&](Environment&) {
        (void)::dup2(streams.input.get(), STDIN_FILENO);
        if (!request.capture_output) return;
        (void)::dup2(streams.output.write_end.get(), STDOUT_FILENO);
        (void)::dup2(streams.errors.write_end.get(), STDERR_FILENO);
    };
    hooks.report_exec_failure = [](const Error& error) { log::error("{}", error.message()); };
    return reaper.start(request.program, hooks);
}

}  // namespace

Task<Result<ChildOutcome>> run_child(Reaper& reaper, ChildRequest request, Clock& clock) {
    auto streams = open_streams(request);
    if (!streams) co_return fail(streams.error());
    auto child = start(reaper, request, *streams);
    if (!child) co_return fail(child.error());
    const KillUnlessEnded guard(*child);

    ChildOutcome outcome;
    if (!request.capture_output) {
        outcome.exit_code = exit_code_of(
            co_await end_or_be_ended(reaper, *child, request, clock, outcome.timed_out));
        co_return outcome;
    }
    streams->output.write_end.reset();
    streams->errors.write_end.reset();
    const auto executor = co_await asio::this_coro::executor;
    Capture output(executor, std::move(streams->output.read_end), request.max_captured);
    Capture errors(executor, std::move(streams->errors.read_end), request.max_captured);
    // Reading never ends by itself, so it is the command's end that decides the race.
    auto ended = co_await (end_or_be_ended(reaper, *child, request, clock, outcome.timed_out) ||
                           read_both(output, errors));
    output.take_the_rest();
    errors.take_the_rest();
    outcome.exit_code = exit_code_of(std::get<0>(ended));
    outcome.truncated = output.truncated() || errors.truncated();
    outcome.output = output.take();
    outcome.errors = errors.take();
    co_return outcome;
}

}  // namespace fluxpod
