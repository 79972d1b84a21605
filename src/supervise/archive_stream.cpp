// SPDX-License-Identifier: Apache-2.0
#include "archive_stream.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fluxpod/formats/tar.hpp"

namespace fluxpod {

namespace {

// All headers of one entry. libarchive's, for the longest path of the KVS, have a few KiB.
constexpr std::size_t max_header_bytes = std::size_t{1} << 20U;
constexpr std::size_t chunk_size = std::size_t{64} << 10U;
constexpr std::size_t synced_piece = std::size_t{16} << 20U;
constexpr const char* stopped = "it was stopped";

}  // namespace

OrCause<std::string> ArchiveInput::take(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const ssize_t count = ::read(file_.get(), bytes.data() + have, size - have);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return refuse(describe_errno(errno));
        if (count == 0) return refuse("it is cut off");
        have += static_cast<std::size_t>(count);
        if (!progress_.advance(static_cast<std::size_t>(count))) return refuse(stopped);
    }
    return bytes;
}

OrCause<void> ArchiveOutput::put(std::string_view bytes) {
    if (auto done = write_all(file_.get(), bytes); !done) return refuse(done.error().cause);
    unsynced_ += bytes.size();
    return unsynced_ < synced_piece ? OrCause<void>() : sync();
}

OrCause<void> ArchiveOutput::sync() {
    if (::fsync(file_.get()) != 0) return refuse(describe_errno(errno));
    if (!progress_.advance(std::exchange(unsynced_, 0))) return refuse(stopped);
    return {};
}

OrCause<std::optional<ArchiveEntry>> ArchiveWalk::next() {
    ArchiveEntry entry;
    std::optional<std::string> long_name;
    while (true) {
        auto block = input_.take(tar_block);
        if (!block) return refuse(block.error());
        if (entry.headers.empty() && is_zero_block(*block)) return at_end();
        auto header = parse_tar_header(*block);
        if (!header) return refuse(header.error());
        entry.headers += *block;
        if (header->type != 'x') {
            entry.name = long_name.value_or(header->name);
            entry.size = header->type == '0' ? header->size : 0;
            return entry;
        }
        auto name = take_long_name(header->size, entry.headers);
        if (!name) return refuse(name.error());
        if (*name) long_name = std::move(*name);
    }
}

OrCause<std::optional<std::string>> ArchiveWalk::take_long_name(std::uint64_t size,
                                                                std::string& headers) {
    if (size > max_header_bytes || headers.size() + size > max_header_bytes) {
        return refuse("its pax records are too long");
    }
    auto content = input_.take(static_cast<std::size_t>(size) + tar_padding(size));
    if (!content) return refuse(content.error());
    headers += *content;
    auto records = parse_pax_records(std::string_view(*content).substr(0, size));
    if (!records) return refuse(records.error());
    if (records->size) return refuse("a value in it is too large");
    return std::move(records->path);
}

OrCause<std::optional<ArchiveEntry>> ArchiveWalk::at_end() {
    auto second = input_.take(tar_block);
    if (!second || !is_zero_block(*second)) return refuse("it is cut off");
    return std::nullopt;
}

OrCause<void> pass_on(ArchiveInput& input, const ArchiveEntry& entry,
                      const std::function<OrCause<void>(std::string_view)>& to) {
    std::uint64_t rest = entry.size + tar_padding(entry.size);
    while (rest > 0) {
        auto chunk =
            input.take(static_cast<std::size_t>(std::min<std::uint64_t>(rest, chunk_size)));
        if (!chunk) return refuse(chunk.error());
        rest -= chunk->size();
        if (auto passed = to(*chunk); !passed) return passed;
    }
    return {};
}

OrCause<void> skip(ArchiveInput& input, const ArchiveEntry& entry) {
    return pass_on(input, entry, [](std::string_view) { return OrCause<void>(); });
}

OrCause<std::string> take_content(ArchiveInput& input, const ArchiveEntry& entry) {
    auto content = input.take(static_cast<std::size_t>(entry.size) + tar_padding(entry.size));
    if (content) content->resize(static_cast<std::size_t>(entry.size));
    return content;
}

}  // namespace fluxpod
