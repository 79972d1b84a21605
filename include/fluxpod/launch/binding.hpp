// SPDX-License-Identifier: Apache-2.0
// The CPUs of this process and of all that it starts or becomes, sched_setaffinity(2).
#pragma once

#include "fluxpod/base/error.hpp"
#include "fluxpod/formats/idset.hpp"

namespace fluxpod {

// By the kernel's numbers. Error 12 where the kernel does not take them.
[[nodiscard]] Status bind_to_cpus(const Idset& cpus);

}  // namespace fluxpod
