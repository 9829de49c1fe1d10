// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/sync/internal/sema.h"
#include "sluice/sync/mutex.h"

namespace sluice::sync {

// Any number of readers, or one writer. For std::shared_lock and std::lock_guard.
// Worth it when reading takes long or parks; for a few loads a Mutex is faster, and for maps that
// many read see Map. The writer who waits goes before readers who come after him, so a reader must
// not take the lock again while he has it. After a writer, all readers who waited go before the
// next one. Not tied to a goroutine; also for threads that are none.
// Ordering: unlock() happens before the lock_shared() and lock() that follow; unlock_shared()
// before the lock() that follows.
// Source: Go's sync/rwmutex.go.
class RWMutex {
 public:
  RWMutex() = default;
  RWMutex(const RWMutex&) = delete;
  RWMutex& operator=(const RWMutex&) = delete;

  // Waits for the writer who has it or waits for it.
  void lock_shared() {
    runtime::interleave();
    // Acquire pairs with unlock()'s release.
    if (readers_.fetch_add(1, std::memory_order_acquire) + 1 < 0) [[unlikely]]
      reader_sema_.acquire(runtime::WaitReason::rw_mutex_read, false, now());
  }
  bool try_lock_shared();
  // Ends the process with "sync: unlock_shared of unlocked RWMutex".
  void unlock_shared() {
    runtime::interleave();
    // Release pairs with lock()'s acquire.
    int32_t left = readers_.fetch_sub(1, std::memory_order_release) - 1;
    if (left < 0) [[unlikely]]
      unlock_shared_slow(left);
  }

  // Waits for the writers before and for the readers who have it.
  void lock();
  bool try_lock();
  // Ends the process with "sync: unlock of unlocked RWMutex".
  void unlock();

 private:
  static constexpr int32_t readers_max = 1 << 30;

  void unlock_shared_slow(int32_t left);

  Mutex writers_;               // held by the writer who has it or waits for readers
  internal::Sema writer_sema_;  // where he waits for them
  internal::Sema reader_sema_;  // where readers wait for him
  std::atomic<int32_t> readers_{
      0};  // readers inside or waiting; minus readers_max: a writer is there
  std::atomic<int32_t> leaving_{0};  // readers whom the writer waits for
};

}  // namespace sluice::sync
