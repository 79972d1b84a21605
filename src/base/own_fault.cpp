// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/own_fault.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace fluxpod {

namespace {

struct OwnFault {
    int error_number;
    std::string_view advice;
};

constexpr std::string_view denied =
    "a seccomp profile, a firewall or a policy of this pod denies it: newer system calls need a "
    "container runtime that knows them";
constexpr std::string_view memory = "raise this pod's memory limit";
constexpr std::string_view family =
    "this pod's kernel has no such kind of socket: use addresses of the other family";

constexpr std::array<OwnFault, 10> own_faults{{
    {EMFILE, "raise this pod's limit of open files (ulimit -n)"},
    {ENFILE, "the node has too many open files (fs.file-max)"},
    {ENOMEM, memory},
    {ENOBUFS, memory},
    {EAGAIN, "raise this pod's limit of processes and threads (pids limit, ulimit -u)"},
    {EADDRNOTAVAIL, "this pod has no free local port, or no address of that family"},
    {EPERM, denied},
    {EACCES, denied},
    {EAFNOSUPPORT, family},
    {EPROTONOSUPPORT, family},
}};

const OwnFault* find(int error_number) {
    const auto* found = std::ranges::find(own_faults, error_number, &OwnFault::error_number);
    return found == own_faults.end() ? nullptr : found;
}

}  // namespace

bool is_own_fault(int error_number) { return find(error_number) != nullptr; }

std::string own_fault_advice(int error_number) {
    const auto* fault = find(error_number);
    return fault == nullptr ? std::string() : std::string(fault->advice);
}

}  // namespace fluxpod
