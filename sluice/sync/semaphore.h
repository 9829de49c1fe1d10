// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::sync {

// Bounds how much of something is in use: `size` units, of which each user holds some.
//   SLUICE_TRY(semaphore.acquire(context, 3));
//   Defer release{[&] { semaphore.release(3); }};
// Strictly first come first served: a large request that waits holds back smaller ones behind it,
// so that it cannot starve. Units belong to nobody: who releases need not be who acquired.
// Thread-safety: all operations, from goroutines and other threads.
// Ordering: release() happens before the acquire() that it serves returns.
// Source: golang.org/x/sync/semaphore.
class Semaphore {
 public:
  explicit Semaphore(int64_t size);
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore();  // asserts that nobody waits

  // Waits for `n` units, or for the context's end, which wins if it came first: then nothing is
  // held. More than the semaphore's size is never had: that waits for the context's end.
  // Errors: context.err().
  Result<void> acquire(const Context& context, int64_t n = 1);
  // Waits for `n` units, at most the semaphore's size.
  void acquire(int64_t n = 1);

  // Never waits; false if the units are not free or others wait for them.
  bool try_acquire(int64_t n = 1);

  // Ends the process with "sync: semaphore released more than held".
  void release(int64_t n = 1);

  int64_t size() const { return size_; }

 private:
  struct Waiter;

  bool take(int64_t n);  // lock_ is held
  Waiter* serve();       // lock_ is held; those who were served, to be woken after unlocking
  static void wake(Waiter* served);
  void enqueue(Waiter& waiter);
  void unlink(Waiter& waiter);
  void give_up(Waiter& waiter);  // the context's end reached a waiter

  const int64_t size_;
  runtime::SpinLock lock_;
  int64_t free_;            // guarded by lock_
  Waiter* head_ = nullptr;  // guarded by lock_; nodes live in acquire()'s frames
  Waiter* tail_ = nullptr;  // guarded by lock_
};

}  // namespace sluice::sync
