// SPDX-License-Identifier: Apache-2.0
// Errors that this pod's own system makes before any peer is asked: no descriptor, no memory, no
// thread, no local port, or a system call that a seccomp profile denies. They are never put on the
// peer.
#pragma once

#include <string>

namespace fluxpod {

// Whether the errno of socket(2), connect(2), send(2), bind(2) or of a thread's start is a fault of
// this pod and says nothing about the peer.
[[nodiscard]] bool is_own_fault(int error_number);

// What to do about such an errno: a sentence for an error's hint.
[[nodiscard]] std::string own_fault_advice(int error_number);

}  // namespace fluxpod
