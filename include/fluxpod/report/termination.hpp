// SPDX-License-Identifier: Apache-2.0
// The last error as the pod's termination message (Kubernetes, "Customizing the termination
// message"): kubectl describe pod shows it. At most 4096 bytes, the kubelet's limit.
#pragma once

#include <string>

#include "fluxpod/base/error.hpp"

namespace fluxpod {

// Overwrites an existing file in place (the kubelet bind-mounts it, so it cannot be replaced by
// rename) and creates none: outside Kubernetes the default path does not exist and nothing happens.
// Never fails loudly: the error itself has been printed already.
void write_termination_message(const std::string& path, const Error& error);

}  // namespace fluxpod
