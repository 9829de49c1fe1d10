// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/spin_lock.h"

#include <sched.h>

#include <algorithm>

#include "sluice/base/assert.h"

namespace sluice::runtime {

namespace {

// Waiters who look at every moment take the cache line away from the holder, who writes to what
// lies beside the lock, and all of them jump at one release. So each look comes twice as long after
// the last, up to about 15 us where a pause is long (Intel).
constexpr int pauses_most = 256;
// Who waited that long waits for a thread that is probably not running.
constexpr int pauses_before_yield = 128;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("yield");
#endif
}

}  // namespace

void RawSpinLock::lock_slow() {
  SLUICE_ASSERT(simulation() == nullptr, "somebody was interrupted who holds a RawSpinLock");
  int waited = 0;
  for (int pauses = 1;; pauses = std::min(2 * pauses, pauses_most)) {
    for (int i = 0; i < pauses; ++i) pause();
    if (try_lock()) return;
    waited += pauses;
    if (waited >= pauses_before_yield) ::sched_yield();
  }
}

void SpinLock::lock_slow() {
  Simulation* current = simulation();
  if (current == nullptr) return RawSpinLock::lock_slow();
  while (!try_lock()) current->wait_for(*this);
}

}  // namespace sluice::runtime
