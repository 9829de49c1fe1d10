// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/mutex.h"

#include "sluice/base/assert.h"
#include "sluice/base/time.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/proc_local.h"
#include "sluice/sync/internal/spin.h"

namespace sluice::sync {

namespace internal {

// One of the slots is that of threads without a processor.
bool can_spin(int round) {
  return round < 4 && runtime::pin_slots() - 1 > 1 && runtime::simulation() == nullptr;
}

void spin() {
  for (int i = 0; i < 30; ++i) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
}

}  // namespace internal

namespace {
// Source: Go's starvationThresholdNs.
constexpr Duration starvation_threshold = std::chrono::milliseconds(1);
}  // namespace

bool Mutex::try_lock() {
  runtime::interleave();
  MutexWord seen = load();
  // Woken but unlocked: we run and the waiter does not yet, so we may take it.
  return !seen.taken() && swap(seen, seen.with_lock());
}

void Mutex::lock_slow(runtime::WaitReason reason) {
  Instant waiting_since{};
  Instant asleep_since{};
  bool starving = false;
  bool awake = false;  // we are the one that the woken flag stands for
  int round = 0;
  MutexWord seen = load();
  for (;;) {
    // In starvation mode the lock is handed over: spinning for it is useless.
    if (seen.locked() && !seen.starving() && internal::can_spin(round)) {
      // Tell unlock() that somebody is awake, so that it wakes nobody else.
      if (!awake && !seen.woken() && seen.waiters() != 0 && swap(seen, seen.with_woken()))
        awake = true;
      internal::spin();
      ++round;
      seen = load();
      continue;
    }
    MutexWord next = seen.starving() ? seen : seen.with_lock();
    if (seen.taken()) next = next.with_waiter();
    // Not when it is unlocked: starvation mode promises unlock() that there is a waiter.
    if (starving && seen.locked()) next = next.with_starving();
    if (awake) {
      SLUICE_ASSERT(next.woken(), "sync: inconsistent mutex state");
      next = next.without_woken();
    }
    if (!swap(seen, next)) continue;
    if (!seen.taken()) return;

    // One who has waited before goes to the front.
    bool first = waiting_since != Instant{};
    if (!first) waiting_since = asleep_since = now();
    sema_.acquire(reason, first, asleep_since);
    asleep_since = now();
    starving = starving || asleep_since - waiting_since > starvation_threshold;
    // Acquire is not needed for the data: sema_'s wake-up orders it after the unlock().
    seen = load();
    if (seen.starving()) return take_over(starving);
    awake = true;
    round = 0;
  }
}

// The lock was handed to us: the word does not say so yet and still counts us as waiting.
void Mutex::take_over(bool starved) {
  MutexWord seen = load();
  SLUICE_ASSERT(!seen.locked() && !seen.woken() && seen.waiters() != 0,
                "sync: inconsistent mutex state");
  // To stay in starvation mode without need would be slow: two goroutines could go on in lock step
  // for ever.
  bool leave = !starved || seen.waiters() == 1;
  runtime::interleave();
  word_.fetch_add(MutexWord::handed_over(leave), std::memory_order_acquire);
}

void Mutex::unlock_slow(MutexWord rest) {
  if (rest.raw() + MutexWord::locked_bit < MutexWord::locked_bit ||
      !MutexWord(rest.raw() + MutexWord::locked_bit).locked())
    fatal("sync: unlock of unlocked mutex");
  if (rest.starving()) {
    sema_.release();
    yield();  // the new owner runs at once, not after our slice
    return;
  }
  MutexWord seen = rest;
  for (;;) {
    // Nobody waits; or somebody is awake or has it, and will care for the rest when he unlocks.
    if (seen.waiters() == 0 || seen.locked() || seen.woken() || seen.starving()) return;
    uint32_t raw = seen.raw();
    runtime::interleave();
    if (word_.compare_exchange_strong(raw, seen.waking_one().raw(), std::memory_order_relaxed)) {
      sema_.release();
      return;
    }
    seen = MutexWord(raw);
  }
}

}  // namespace sluice::sync
