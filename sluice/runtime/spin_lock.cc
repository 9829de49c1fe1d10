// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/spin_lock.h"

#include <sched.h>

#include "sluice/base/assert.h"

namespace sluice::runtime {

void RawSpinLock::lock_slow() {
  SLUICE_ASSERT(simulation() == nullptr, "somebody was interrupted who holds a RawSpinLock");
  for (int round = 0;; ++round) {
    for (int i = 0; i < 64; ++i) {
      if (try_lock()) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#else
      asm volatile("yield");
#endif
    }
    // The holder's thread is probably not running.
    if (round > 1) ::sched_yield();
  }
}

void SpinLock::lock_slow() {
  Simulation* current = simulation();
  if (current == nullptr) return RawSpinLock::lock_slow();
  while (!try_lock()) current->wait_for(*this);
}

}  // namespace sluice::runtime
