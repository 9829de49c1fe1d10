// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/runtime/simulation.h"

namespace sluice::runtime {

// A lock for a few dozen instructions: channel states, wait queues, timer wheels.
//
// A holder must not park, yield, call user code or enter the kernel. One atomic exchange to lock,
// one plain release store to unlock. A waiter spins briefly, then gives its CPU away, because the
// holder's thread may have been descheduled by the kernel.
// Satisfies Lockable, so std::lock_guard serves.
//
// RawSpinLock is for what the program does not see: caches, samples, the runtime's own pools. In a
// simulation nobody gets in between there. So what is in a cache, which depends on what ran before,
// does not decide what comes of a run.
class RawSpinLock {
 public:
  constexpr RawSpinLock() = default;
  RawSpinLock(const RawSpinLock&) = delete;
  RawSpinLock& operator=(const RawSpinLock&) = delete;

  void lock() {
    if (word_.exchange(1, std::memory_order_acquire) != 0) lock_slow();
  }
  bool try_lock() {
    return word_.load(std::memory_order_relaxed) == 0 &&
           word_.exchange(1, std::memory_order_acquire) == 0;
  }
  void unlock() { word_.store(0, std::memory_order_release); }

  // For assertions, and who waits in a simulation: somebody holds the lock.
  bool is_locked() const { return word_.load(std::memory_order_relaxed) != 0; }

 protected:
  void lock_slow();

  std::atomic<uint32_t> word_{0};
};

class SpinLock : public RawSpinLock {
 public:
  void lock() {
    interleave();
    if (word_.exchange(1, std::memory_order_acquire) != 0) lock_slow();
  }

 private:
  void lock_slow();
};

}  // namespace sluice::runtime
