// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/processes.hpp"

#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "fluxpod/base/file.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// The parent's pid: the second field after the command's name, which is in parentheses and may
// itself hold any character.
std::optional<pid_t> parent_of(pid_t pid) {
    auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    if (!stat) return std::nullopt;
    const auto name_end = stat->rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    auto fields = split_words(std::string_view(*stat).substr(name_end + 1));
    return fields.size() < 2 ? std::nullopt : parse_number<pid_t>(fields[1]);
}

// An outer namespace's /proc has other numbers for the same processes.
bool proc_is_of_our_namespace() {
    std::array<char, 32> target{};
    const ssize_t length = ::readlink("/proc/self", target.data(), target.size());
    if (length <= 0) return false;
    return parse_number<pid_t>({target.data(), static_cast<std::size_t>(length)}) == ::getpid();
}

// The directory is closed before any process is looked at: one free descriptor is enough.
std::vector<pid_t> all_processes() {
    std::vector<pid_t> pids;
    std::error_code error;
    std::filesystem::directory_iterator entry("/proc", error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        if (auto pid = parse_number<pid_t>(entry->path().filename().native())) pids.push_back(*pid);
    }
    return pids;
}

void close_from_to(unsigned first, unsigned last) {
    if (first > last) return;
    if (::syscall(SYS_close_range, first, last, 0) == 0) return;
    rlimit limit{};
    constexpr rlim_t sane = 65536;  // an unlimited one would take minutes
    const rlim_t end =
        ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::min(limit.rlim_cur, sane) : sane;
    for (unsigned fd = first; fd <= last && fd < end; ++fd) ::close(static_cast<int>(fd));
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t ancestor) {
    if (!proc_is_of_our_namespace()) return {};
    std::multimap<pid_t, pid_t> children;
    for (const pid_t pid : all_processes()) {
        if (auto parent = parent_of(pid)) children.emplace(*parent, pid);
    }
    std::vector<pid_t> found{ancestor};
    for (std::size_t i = 0; i < found.size(); ++i) {
        auto [first, last] = children.equal_range(found[i]);
        for (auto child = first; child != last; ++child) found.push_back(child->second);
        // Seen once: pids that are reused while we read could make a ring.
        children.erase(first, last);
    }
    found.erase(found.begin());
    return found;
}

bool has_living_child() {
    pid_t reaped = 0;
    do reaped = ::waitpid(-1, nullptr, WNOHANG);
    while (reaped > 0);
    return reaped == 0;
}

bool stops_at_once(pid_t pid, int stop_signal) {
    if (!proc_is_of_our_namespace()) return false;
    const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
    if (!status) return false;
    bool stops = false;
    for (const auto& line : split(*status, '\n')) {
        const auto words = split_words(line);
        if (words.size() < 2) continue;
        if (words[0] == "State:") stops = words[1] != "T" && words[1] != "t";
        if (words[0] != "SigBlk:" && words[0] != "SigIgn:" && words[0] != "SigCgt:") continue;
        std::uint64_t set = 0;
        std::from_chars(words[1].data(), words[1].data() + words[1].size(), set, 16);
        if ((set >> static_cast<unsigned>(stop_signal - 1) & 1U) != 0) return false;
    }
    return stops;
}

bool has_child_in_group(pid_t group) {
    siginfo_t ignored{};
    return ::waitid(P_PGID, static_cast<id_t>(group), &ignored, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void release_startup_pages() {
    const auto forget = [](dl_phdr_info* program, std::size_t /*size*/, void* /*nothing*/) {
        const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        for (const auto& segment : std::span(program->dlpi_phdr, program->dlpi_phnum)) {
            // Data written to it would be lost.
            if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
            const std::uintptr_t begin = (program->dlpi_addr + segment.p_vaddr) & ~(page - 1);
            const std::uintptr_t end = program->dlpi_addr + segment.p_vaddr + segment.p_memsz;
            // Pages are counted, not dereferenced. NOLINTNEXTLINE(performance-no-int-to-ptr)
            (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
        }
        return 1;  // the program itself comes first, and its libraries are others' as well
    };
    (void)::dl_iterate_phdr(forget, nullptr);
}

void close_descriptors_except(int kept) {
    constexpr unsigned first = 3;
    if (kept < static_cast<int>(first)) {
        close_from_to(first, ~0U);
        return;
    }
    close_from_to(first, static_cast<unsigned>(kept) - 1);
    close_from_to(static_cast<unsigned>(kept) + 1, ~0U);
}

}  // namespace fluxpod
