// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <time.h>

namespace sluice::runtime {

// The clock of CPU time of that thread of this process: the kernel's encoding of "scheduler clock
// of one thread" (include/linux/posix-timers.h), as pthread_getcpuclockid() makes it. By thread id,
// for who has no pthread_t.
inline clockid_t thread_cpu_clock(int tid) {
  return static_cast<clockid_t>((~static_cast<unsigned>(tid) << 3) | 4 | 2);
}

}  // namespace sluice::runtime
