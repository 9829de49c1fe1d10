// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::runtime {

enum class ThreadState : uint8_t {
  executing,  // on a CPU, or ready for one
  blocked,    // asleep in the kernel
  unknown,    // gone, or the kernel does not say
};

// Where a thread of this process is, as the kernel tells without disturbing it
// (/proc/self/task/<tid>/syscall). The registers that it entered the kernel with, when blocked.
struct ThreadPlace {
  ThreadState state = ThreadState::unknown;
  uintptr_t sp = 0;
  uintptr_t pc = 0;
  // How often it got a CPU so far (/proc/self/task/<tid>/schedstat). A thread that is blocked at
  // two looks with the same number did not run in between: its stack stood still.
  uint64_t runs = 0;

  bool operator==(const ThreadPlace&) const = default;
};
ThreadPlace place_of(int tid);

}  // namespace sluice::runtime
