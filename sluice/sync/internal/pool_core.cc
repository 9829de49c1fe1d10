// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/internal/pool_core.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "sluice/sync/cond.h"

namespace sluice::sync::internal {

namespace {

// About the time between two garbage collections of an idle Go program (runtime.forcegcperiod).
constexpr Duration age_length = std::chrono::minutes(2);

struct AllPools {
  Mutex mutex;
  Cond left;                  // with mutex: a pool's visitors_ has become zero
  PoolCore* first = nullptr;  // guarded by mutex
  MemoryListener listener;
  explicit AllPools(void (*hear)(MemoryNotice)) : listener(hear) {}
};
AllPools& all_pools(void (*hear)(MemoryNotice)) {
  runtime::Uninterrupted whole;                 // if it is made
  static AllPools* pools = new AllPools(hear);  // for ever: pools may be static objects
  return *pools;
}

uint32_t slots_expected() {
  // A pool may be made before the Runtime.
  return std::max<uint32_t>(uint32_t(runtime::pin_slots()),
                            std::thread::hardware_concurrency() + 1);
}

}  // namespace

PoolCore::PoolCore(void (*destroy)(void*))
    : locals_count_(slots_expected()),
      locals_(std::make_unique<Local[]>(locals_count_)),
      destroy_(destroy),
      next_age_(now() + age_length) {
  AllPools& all = all_pools(&hear);
  std::lock_guard lock(all.mutex);
  next_pool_ = all.first;
  if (next_pool_ != nullptr) next_pool_->previous_pool_ = this;
  all.first = this;
}

PoolCore::~PoolCore() {
  {
    AllPools& all = all_pools(&hear);
    std::unique_lock lock(all.mutex);
    all.left.wait(lock, [this] { return visitors_ == 0; });
    (previous_pool_ == nullptr ? all.first : previous_pool_->next_pool_) = next_pool_;
    if (next_pool_ != nullptr) next_pool_->previous_pool_ = previous_pool_;
  }
  for (uint32_t i = 0; i < locals_count_; ++i) destroy(locals_[i].objects, locals_[i].count);
  destroy_all(fresh_);
  destroy_all(victim_);
  while (Batch* batch = pop(empty_)) delete batch;
}

void* PoolCore::take_from_depot() {
  void* object = nullptr;
  void* rest[batch_max];
  uint32_t rest_count = 0;
  Batch* old = nullptr;
  {
    std::lock_guard lock(mutex_);
    Batch* batch = pop(fresh_);
    if (batch != nullptr) {
      fresh_count_ -= batch->count;
    } else {
      batch = pop(victim_);
      if (batch == nullptr) return nullptr;
      victim_count_ -= batch->count;
    }
    idle_least_ = std::min(idle_least_, fresh_count_ + victim_count_);
    if (now() > next_age_) old = age_locked();
    object = batch->objects[--batch->count];
    rest_count = batch->count;
    std::copy_n(batch->objects, rest_count, rest);
    push(empty_, batch);
  }
  destroy_all(old);
  while (rest_count > 0) give(rest[--rest_count]);
  return object;
}

void PoolCore::give_to_depot(void* object) {
  void* given[batch_max] = {object};
  uint32_t count = 1;
  // Half of the local stack goes too, so that the next ones fit.
  uint32_t slot = static_cast<uint32_t>(runtime::pin());
  if (slot < locals_count_) {
    Local& local = locals_[slot];
    while (count < batch_max && local.count > 0) given[count++] = local.objects[--local.count];
  }
  runtime::unpin();

  Batch* spare = nullptr;
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      Batch* batch = spare != nullptr ? spare : pop(empty_);
      if (batch != nullptr) {
        std::copy_n(given, count, batch->objects);
        batch->count = count;
        fresh_count_ += count;
        return push(fresh_, batch);
      }
    }
    spare = new Batch;
  }
}

PoolCore::Batch* PoolCore::age_locked() {
  next_age_ = now() + age_length;
  victim_count_ = std::exchange(fresh_count_, 0);
  idle_least_ = std::min(idle_least_, victim_count_);
  return std::exchange(victim_, std::exchange(fresh_, nullptr));
}

void PoolCore::age() {
  Batch* old;
  {
    std::lock_guard lock(mutex_);
    old = age_locked();
  }
  destroy_all(old);
}

// The victims first. Whole batches, so that up to batch_max - 1 stay that need not.
PoolCore::Batch* PoolCore::trim_locked(uint32_t percent) {
  int64_t idle = fresh_count_ + victim_count_;
  int64_t live = std::max<int64_t>(existing_.load(std::memory_order_relaxed) - idle, 0);
  int64_t excess = std::min<int64_t>(idle_least_, idle - live * percent / 100);
  Batch* old = nullptr;
  auto take = [&](Batch*& list, uint32_t& count) {
    while (list != nullptr && excess >= list->count) {
      excess -= list->count;
      count -= list->count;
      push(old, pop(list));
    }
  };
  take(victim_, victim_count_);
  take(fresh_, fresh_count_);
  idle_least_ = fresh_count_ + victim_count_;
  return old;
}

void PoolCore::trim(uint32_t percent) {
  Batch* old;
  {
    std::lock_guard lock(mutex_);
    old = trim_locked(percent);
  }
  destroy_all(old);
}

void PoolCore::drain_local(int slot) {
  struct Taken {
    Local& local;
    uint32_t count;
    void* objects[local_max];
  } taken{locals_[static_cast<uint32_t>(slot)], 0, {}};
  runtime::visit_slot(
      slot,
      [](void* context) {
        Taken& taken = *static_cast<Taken*>(context);
        taken.count = std::exchange(taken.local.count, 0);
        std::copy_n(taken.local.objects, taken.count, taken.objects);
      },
      &taken);
  destroy(taken.objects, taken.count);
}

void PoolCore::drain(bool locals_too) {
  if (locals_too) {
    int slots = std::min(runtime::pin_slots(), static_cast<int>(locals_count_));
    for (int slot = 0; slot < slots; ++slot) drain_local(slot);
  }
  age();
  age();
}

template <class Visit>
void PoolCore::for_each(Visit visit) {
  AllPools& all = all_pools(&hear);
  std::unique_lock lock(all.mutex);
  for (PoolCore* pool = all.first; pool != nullptr; pool = pool->next_pool_) {
    // Without the lock, as the objects' destructors may make and destroy other pools; this one
    // waits for us if it is to go, and so keeps its place in the list.
    ++pool->visitors_;
    lock.unlock();
    visit(*pool);
    lock.lock();
    if (--pool->visitors_ == 0) all.left.broadcast();
  }
}

void PoolCore::age_all() {
  for_each([](PoolCore& pool) { pool.age(); });
}

void PoolCore::hear(MemoryNotice notice) {
  if (notice.pressure != MemoryPressure::none)
    for_each([&](PoolCore& pool) { pool.drain(notice.pressure == MemoryPressure::critical); });
  else if (notice.idle_percent != MemoryNotice::unlimited)
    for_each([&](PoolCore& pool) { pool.trim(notice.idle_percent); });
}

void PoolCore::destroy(void* const* objects, uint32_t count) {
  existing_.fetch_sub(count, std::memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i) destroy_(objects[i]);
}

void PoolCore::destroy_all(Batch* batches) {
  while (Batch* batch = pop(batches)) {
    destroy(batch->objects, batch->count);
    delete batch;
  }
}

}  // namespace sluice::sync::internal
