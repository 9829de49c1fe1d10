// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

namespace sluice::runtime {

// Of each scheduling thread of the Runtime, the stack that made the scheduler create it: return
// addresses, innermost first, 32 at most, by frame pointers. A goroutine that blocks in the kernel
// or computes for long shows up here only as sysmon, which finds that out.
// Thread-safety: any thread, any goroutine.
std::vector<std::vector<uintptr_t>> thread_creations();

}  // namespace sluice::runtime
