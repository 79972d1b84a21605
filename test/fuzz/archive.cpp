// SPDX-License-Identifier: Apache-2.0
// A tar archive as Flux dumps it, through both passes: reading, and writing the archive.
#include "fluxpod/supervise/archive.hpp"

#include <unistd.h>

#include "fluxpod/base/file.hpp"
#include "fluxpod/formats/tar.hpp"
#include "input_file.hpp"
#include "property.hpp"

using namespace fluxpod;

namespace {

constexpr std::size_t checksum_at = 148;

// Without this no input but a seed would have the right checksum.
std::string with_checksums(std::string_view bytes) {
    std::string mended(bytes);
    for (std::size_t at = 0; at + tar_block <= mended.size(); at += tar_block) {
        const std::string block = mended.substr(at, tar_block);
        if (block.substr(checksum_at, 1) != "?") continue;
        const std::string size = block.substr(124, 12);
        std::string header = resized_tar_header(block, 0);
        header.replace(124, 12, size);
        unsigned sum = ' ' * 8U;
        for (std::size_t i = 0; i < tar_block; ++i) {
            if (i < checksum_at || i >= checksum_at + 8)
                sum += static_cast<unsigned char>(header[i]);
        }
        for (std::size_t i = 6; i-- > 0; sum /= 8) {
            header[checksum_at + i] = static_cast<char>('0' + sum % 8);
        }
        mended.replace(at, tar_block, header);
    }
    return mended;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const InputFile file;
    static const std::string directory = "/dev/shm/fluxpod-fuzz-" + std::to_string(::getpid());
    const std::string dump = directory + ".dump";
    const std::string archive = directory + ".archive";

    const std::string bytes = with_checksums(as_text(data, size));
    file.set(bytes);
    const auto content = inspect_archive(file.path());
    if (!content) {
        must_hold(!content.error().cause.empty(), "a refusal has a reason");
        return 0;
    }
    must_hold(content->has_value(), "a file that is there is an archive or an error");

    must_hold(write_file_atomically(dump, bytes, 0600, Durability::until_reboot).has_value(),
              "a dump");
    Progress unseen;
    const auto saved = archive_dump(dump, archive, unseen);
    must_hold(saved.has_value(), "what can be read can be saved");
    must_hold(::access(dump.c_str(), F_OK) != 0, "a dump that was saved is gone");
    const auto again = inspect_archive(archive);
    must_hold(again && again->has_value(), "what was saved can be read");
    must_hold((*again)->jobs == (*content)->jobs && saved->jobs == (*content)->jobs,
              "no job is lost");
    must_hold((*again)->again == saved->again, "the jobs that run again are known");
    (void)::unlink(archive.c_str());
    return 0;
}
