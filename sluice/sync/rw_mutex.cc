// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/rw_mutex.h"

#include "sluice/base/assert.h"

namespace sluice::sync {

bool RWMutex::try_lock_shared() {
  runtime::interleave();
  int32_t readers = readers_.load(std::memory_order_relaxed);
  do {
    if (readers < 0) return false;
  } while (!readers_.compare_exchange_weak(readers, readers + 1, std::memory_order_acquire,
                                           std::memory_order_relaxed));
  return true;
}

void RWMutex::unlock_shared_slow(int32_t left) {
  if (left + 1 == 0 || left + 1 == -readers_max) fatal("sync: unlock_shared of unlocked RWMutex");
  // A writer is there. The last one whom he waits for wakes him; acquire-release, so that he is
  // woken after what all of them did.
  runtime::interleave();
  if (leaving_.fetch_sub(1, std::memory_order_acq_rel) == 1) writer_sema_.release();
}

void RWMutex::lock() {
  writers_.lock();
  // Tell the readers who come that a writer is there; acquire pairs with unlock_shared().
  runtime::interleave();
  int32_t inside = readers_.fetch_sub(readers_max, std::memory_order_acquire);
  // Those inside count themselves out, some of them perhaps before we have counted them in.
  runtime::interleave();
  if (inside != 0 && leaving_.fetch_add(inside, std::memory_order_acq_rel) + inside != 0)
    writer_sema_.acquire(runtime::WaitReason::rw_mutex_write, false, now());
}

bool RWMutex::try_lock() {
  if (!writers_.try_lock()) return false;
  runtime::interleave();
  int32_t none = 0;
  if (readers_.compare_exchange_strong(none, -readers_max, std::memory_order_acquire,
                                       std::memory_order_relaxed))
    return true;
  writers_.unlock();
  return false;
}

void RWMutex::unlock() {
  runtime::interleave();
  // Release pairs with lock_shared()'s acquire.
  int32_t waiting = readers_.fetch_add(readers_max, std::memory_order_release) + readers_max;
  if (waiting >= readers_max) fatal("sync: unlock of unlocked RWMutex");
  for (; waiting > 0; --waiting) reader_sema_.release();
  writers_.unlock();
}

}  // namespace sluice::sync
