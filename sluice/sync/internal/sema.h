// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/base/time.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::sync::internal {

// Sleep and wake-up for a lock's contended path: each acquire() is answered by one release(), also
// when the release comes first. What is being waited for is decided elsewhere, in the lock's word.
// A release() whose waiter was parked touches this object for the last time before it wakes him, so
// a waiter may destroy it as soon as acquire() returns.
// Source: Go's runtime/sema.go, whose queues hang in a global table; ours are 24 bytes in the
// object.
class Sema {
 public:
  Sema() = default;
  Sema(const Sema&) = delete;
  Sema& operator=(const Sema&) = delete;

  // Waits for a permit, behind all who wait; `first`: ahead of them.
  // `since`: when the wait for a lock began, for the mutex profile; of what is no lock, nothing.
  void acquire(runtime::WaitReason reason, bool first = false, Instant since = {});

  // Hands a permit to the first waiter, or keeps it for the next acquire().
  void release();

 private:
  struct Waiter {
    runtime::G* g;
    Waiter* next;
    Instant since;
  };

  runtime::SpinLock lock_;
  uint32_t permits_ = 0;    // guarded by lock_; not 0 only while nobody waits
  Waiter* head_ = nullptr;  // guarded by lock_; nodes live in acquire()'s frames
  Waiter* tail_ = nullptr;  // guarded by lock_; valid while head_ is not null
};

}  // namespace sluice::sync::internal
