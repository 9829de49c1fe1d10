// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/runtime/park.h"
#include "sluice/runtime/simulation.h"
#include "sluice/sync/internal/mutex_word.h"
#include "sluice/sync/internal/sema.h"

namespace sluice::sync {

class RWMutex;

// Mutual exclusion that parks the goroutine, not its thread. Lockable as the standard defines it:
//   std::lock_guard lock(mutex_);
// It is not tied to a goroutine: one may lock it and another unlock it. Not recursive. Also for
// threads that are no goroutines. Must outlive every lock() and unlock().
//
// Fairness: normally a woken waiter competes with newcomers, who are running already and mostly
// win: that is what makes it fast. A waiter who loses for more than 1 ms switches the mutex to
// starvation mode, in which unlock() hands it to the waiters in order and newcomers queue, until
// the queue is empty or its first waited less than that.
// Ordering: unlock() happens before the next lock() returns.
// Source: Go's internal/sync/mutex.go.
class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Waits until it is free.
  void lock() {
    runtime::interleave();
    uint32_t free = 0;
    // Acquire pairs with unlock()'s release.
    if (!word_.compare_exchange_strong(free, MutexWord::locked_bit, std::memory_order_acquire,
                                       std::memory_order_relaxed)) [[unlikely]]
      lock_slow(runtime::WaitReason::mutex);
  }

  // Never waits; false also when waiters are to be served first.
  bool try_lock();

  // Ends the process with "sync: unlock of unlocked mutex" if it is not locked.
  void unlock() {
    runtime::interleave();
    uint32_t rest =
        word_.fetch_sub(MutexWord::locked_bit, std::memory_order_release) - MutexWord::locked_bit;
    if (rest != 0) [[unlikely]]
      unlock_slow(MutexWord(rest));
  }

 private:
  using MutexWord = internal::MutexWord;

  friend RWMutex;
  void lock_slow(runtime::WaitReason reason);
  void unlock_slow(MutexWord rest);
  void take_over(bool starved);
  bool swap(MutexWord& seen, MutexWord next) {
    runtime::interleave();
    uint32_t raw = seen.raw();
    bool done = word_.compare_exchange_strong(raw, next.raw(), std::memory_order_acquire,
                                              std::memory_order_relaxed);
    if (!done) seen = MutexWord(raw);
    return done;
  }
  MutexWord load() const { return MutexWord(word_.load(std::memory_order_relaxed)); }

  std::atomic<uint32_t> word_{0};  // a MutexWord
  internal::Sema sema_;
};

}  // namespace sluice::sync
