// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/wait_group.h"

#include "sluice/base/assert.h"

namespace sluice::sync {

// The rare half of add(): the counter has reached zero or less, or somebody waits already.
// A done() that takes the counter to zero while nobody waits must not touch *this any more.
void WaitGroup::settle(uint64_t state, int32_t delta) {
  int32_t count = counter(state);
  uint32_t waiting = waiters(state);
  if (count < 0) fatal("sync: negative WaitGroup counter");
  if (waiting == 0) return;
  if (delta > 0 && count == delta)
    fatal("sync: WaitGroup misuse: add called concurrently with wait");
  if (count > 0) return;
  runtime::interleave();
  // Zero, and there are waiters: now nobody may change the state but us. Check cheaply that so it
  // is.
  if (state_.load(std::memory_order_relaxed) != state)
    fatal("sync: WaitGroup misuse: add called concurrently with wait");
  state_.store(0, std::memory_order_relaxed);
  for (; waiting != 0; --waiting) sema_.release();
}

void WaitGroup::wait() {
  runtime::interleave();
  // Acquire pairs with the release in add().
  uint64_t state = state_.load(std::memory_order_acquire);
  do {
    if (counter(state) == 0) return;
    runtime::interleave();
  } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire));
  sema_.acquire(runtime::WaitReason::wait_group);
  if (state_.load(std::memory_order_relaxed) != 0)
    fatal("sync: WaitGroup is reused before previous wait has returned");
}

}  // namespace sluice::sync
