// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/base/time.h"
#include "sluice/runtime/memory.h"
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
// freed. The memory governor (runtime/memory.h) trims it: what nobody fetched for a second or so
// and is beyond SLUICE_POOLGC is freed; under pressure it empties depot and stacks. Otherwise the
// stacks hold what they have, at most `local_max` objects per processor.
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

  // An object that take() did not give is lent as well, or one that was lent will not come back.
  void note_made() { existing_.fetch_add(1, std::memory_order_relaxed); }
  void note_kept() { existing_.fetch_sub(1, std::memory_order_relaxed); }

  // Frees what was in the depot at the age before and has not been fetched since.
  void age();
  // Frees of what was in the depot all the time since the call before, what is more than `percent`
  // of the objects that are not in the depot.
  void trim(uint32_t percent);
  // Frees all idle objects; those in the processors' stacks only with `locals_too`, which is for
  // the governor's thread (visit_slot).
  void drain(bool locals_too);

  // All pools of the process.
  static void age_all();
  // What the governor says to them.
  static void hear(MemoryNotice notice);

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
  // mutex_ is held; the batches to destroy.
  Batch* age_locked();
  Batch* trim_locked(uint32_t percent);
  void destroy_all(Batch* batches);
  void destroy(void* const* objects, uint32_t count);
  void drain_local(int slot);
  template <class Visit>
  static void for_each(Visit visit);  // of the process's pools
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
  Batch* fresh_ = nullptr;   // guarded by mutex_: given during this age
  Batch* victim_ = nullptr;  // guarded by mutex_: given during the one before
  Batch* empty_ = nullptr;   // guarded by mutex_: batches to be used again
  // guarded by mutex_: objects in fresh_ and victim_; the least of their sum since the last trim
  uint32_t fresh_count_ = 0;
  uint32_t victim_count_ = 0;
  uint32_t idle_least_ = 0;
  Instant next_age_;                   // guarded by mutex_
  std::atomic<int64_t> existing_{0};   // objects, idle and lent
  PoolCore* next_pool_ = nullptr;      // the list of all pools, guarded by its lock
  PoolCore* previous_pool_ = nullptr;  // likewise
  int visitors_ = 0;                   // likewise: for_each() is at this pool
};

}  // namespace sluice::sync::internal
