// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/file_gate.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace fluxpod {

namespace {

class FileGate final : public Gate {
  public:
    explicit FileGate(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] std::string name() const override { return "file"; }
    [[nodiscard]] std::string subject() const override { return path_; }
    [[nodiscard]] ExitCode exit_code() const override { return ExitCode::file_gate; }
    [[nodiscard]] std::optional<BackoffPolicy> pace() const override {
        // A look costs a microsecond or two. inotify(7) is silent where another node writes.
        return BackoffPolicy{.first = std::chrono::milliseconds(20),
                             .most = std::chrono::milliseconds(80)};
    }

    Task<Attempt> attempt(TimePoint /*give_up*/) override {
        struct stat ignored {};
        if (::stat(path_.c_str(), &ignored) == 0) {
            co_return Attempt{.answer = Attempt::Answer::open, .why = "exists", .not_before = {}};
        }
        Attempt attempt{.why = describe_errno(errno), .not_before = {}};
        // No file can ever have such a name.
        if (errno == ENAMETOOLONG) attempt.answer = Attempt::Answer::never;
        co_return attempt;
    }

    [[nodiscard]] std::string advice() const override {
        return "see whether whatever makes the file is running and writes to the same volume";
    }

  private:
    std::string path_;
};

}  // namespace

std::unique_ptr<Gate> make_file_gate(std::string path) {
    return std::make_unique<FileGate>(std::move(path));
}

}  // namespace fluxpod
