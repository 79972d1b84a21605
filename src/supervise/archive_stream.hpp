// SPDX-License-Identifier: Apache-2.0
// A tar archive read and written entry by entry, with bounded memory: at most 1 MiB of headers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "fluxpod/base/beside.hpp"
#include "fluxpod/base/file.hpp"
#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

[[nodiscard]] inline tl::unexpected<std::string> refuse(std::string cause) {
    return tl::unexpected(std::move(cause));
}

class ArchiveInput {
  public:
    ArchiveInput(const Fd& file, Progress& progress) : file_(file), progress_(progress) {}

    // Exactly that many bytes.
    OrCause<std::string> take(std::size_t size);

  private:
    const Fd& file_;
    Progress& progress_;
};

class ArchiveOutput {
  public:
    ArchiveOutput(const Fd& file, Progress& progress) : file_(file), progress_(progress) {}

    // Syncs now and then as well: the last sync is short, and progress is seen.
    OrCause<void> put(std::string_view bytes);
    OrCause<void> sync();

  private:
    const Fd& file_;
    Progress& progress_;
    std::size_t unsynced_ = 0;
};

struct ArchiveEntry {
    std::string name;
    std::uint64_t size = 0;
    std::string headers;  // blocks of pax records, if there are any, and of the entry itself
};

// Walks through an archive; the visitor must consume an entry's content, padding included.
class ArchiveWalk {
  public:
    explicit ArchiveWalk(ArchiveInput& input) : input_(input) {}

    // nullopt at the end of the archive.
    OrCause<std::optional<ArchiveEntry>> next();

  private:
    OrCause<std::optional<std::string>> take_long_name(std::uint64_t size, std::string& headers);
    OrCause<std::optional<ArchiveEntry>> at_end();

    ArchiveInput& input_;
};

// Passes the entry's content with its padding, in pieces.
OrCause<void> pass_on(ArchiveInput& input, const ArchiveEntry& entry,
                      const std::function<OrCause<void>(std::string_view)>& to);
OrCause<void> skip(ArchiveInput& input, const ArchiveEntry& entry);
// The content without its padding, in memory: look at the size first.
OrCause<std::string> take_content(ArchiveInput& input, const ArchiveEntry& entry);

}  // namespace fluxpod
