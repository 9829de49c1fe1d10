// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/base/time.h"
#include "sluice/runtime/proc_local.h"
#include "sluice/sync/mutex.h"

namespace sluice::sync::internal {

// A Pool without its type: where idle objects are kept.
//
// Each processor has a small stack of its own, used while pinned and so without any atomic
// operation. What does not fit, or what a processor lacks, goes through the depot in batches: so
// objects that are got on one processor and put back on another still come round, at one lock per
// batch, and nothing is allocated once the batches are there.
// The depot ages, by age() and every two minutes of use: what nobody has fetched during two ages is
// freed. The stacks do not; they hold at most `local_max` objects per processor.
// Source: Go's sync/pool.go for the victim cache; Bonwick and Adams, "Magazines and Vmem" (USENIX
// 2001) for stacks and depot instead of Go's stealing from other processors' queues.
class PoolCore {
 public:
  explicit PoolCore(void (*destroy)(void*));
  PoolCore(const PoolCore&) = delete;
  PoolCore& operator=(const PoolCore&) = delete;
  ~PoolCore();  // destroys what is idle

  // An idle object, the one put back last on this processor; null: there is none.
  void* take() {
    uint32_t slot = static_cast<uint32_t>(runtime::pin());
    if (slot < locals_count_) [[likely]] {
      Local& local = locals_[slot];
      if (local.count > 0) [[likely]] {
        void* object = local.objects[--local.count];
        runtime::unpin();
        return object;
      }
    }
    runtime::unpin();
    return take_from_depot();
  }

  void give(void* object) {
    uint32_t slot = static_cast<uint32_t>(runtime::pin());
    if (slot < locals_count_) [[likely]] {
      Local& local = locals_[slot];
      if (local.count < local_max) [[likely]] {
        local.objects[local.count++] = object;
        runtime::unpin();
        return;
      }
    }
    runtime::unpin();
    give_to_depot(object);
  }

  // Frees what was in the depot at the age before and has not been fetched since.
  void age();

  // All pools of the process.
  static void age_all();

 private:
  static constexpr uint32_t local_max = 14;
  static constexpr uint32_t batch_max = local_max / 2;

  // One processor's; two cache lines, so that neighbours share none.
  struct alignas(128) Local {
    uint32_t count = 0;
    void* objects[local_max];
  };
  struct Batch {
    Batch* next;
    uint32_t count;
    void* objects[batch_max];
  };

  void* take_from_depot();
  void give_to_depot(void* object);
  Batch* age_locked();  // mutex_ is held; the batches to destroy
  void destroy_all(Batch* batches);
  static void push(Batch*& list, Batch* batch) {
    batch->next = list;
    list = batch;
  }
  static Batch* pop(Batch*& list) {
    Batch* batch = list;
    if (batch != nullptr) list = batch->next;
    return batch;
  }

  // Processors beyond this number use the depot only.
  const uint32_t locals_count_;
  const std::unique_ptr<Local[]> locals_;  // each guarded by its pin
  void (*const destroy_)(void*);
  Mutex mutex_;
  Batch* fresh_ = nullptr;             // guarded by mutex_: given during this age
  Batch* victim_ = nullptr;            // guarded by mutex_: given during the one before
  Batch* empty_ = nullptr;             // guarded by mutex_: batches to be used again
  Instant next_age_;                   // guarded by mutex_
  PoolCore* next_pool_ = nullptr;      // the list of all pools, guarded by its lock
  PoolCore* previous_pool_ = nullptr;  // likewise
  int ages_ = 0;                       // likewise: calls of age_all() that are at this pool
};

}  // namespace sluice::sync::internal
