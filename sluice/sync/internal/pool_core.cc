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
  Cond aged;                  // with mutex: a pool's ages_ has become zero
  PoolCore* first = nullptr;  // guarded by mutex
};
AllPools& all_pools() {
  static AllPools* pools = new AllPools;  // for ever: pools may be static objects
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
  AllPools& all = all_pools();
  std::lock_guard lock(all.mutex);
  next_pool_ = all.first;
  if (next_pool_ != nullptr) next_pool_->previous_pool_ = this;
  all.first = this;
}

PoolCore::~PoolCore() {
  {
    AllPools& all = all_pools();
    std::unique_lock lock(all.mutex);
    all.aged.wait(lock, [this] { return ages_ == 0; });
    (previous_pool_ == nullptr ? all.first : previous_pool_->next_pool_) = next_pool_;
    if (next_pool_ != nullptr) next_pool_->previous_pool_ = previous_pool_;
  }
  for (uint32_t i = 0; i < locals_count_; ++i)
    for (uint32_t k = 0; k < locals_[i].count; ++k) destroy_(locals_[i].objects[k]);
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
    if (batch == nullptr) batch = pop(victim_);
    if (batch == nullptr) return nullptr;
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
        return push(fresh_, batch);
      }
    }
    spare = new Batch;
  }
}

PoolCore::Batch* PoolCore::age_locked() {
  next_age_ = now() + age_length;
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

void PoolCore::age_all() {
  AllPools& all = all_pools();
  std::unique_lock lock(all.mutex);
  for (PoolCore* pool = all.first; pool != nullptr; pool = pool->next_pool_) {
    // Without the lock, as the objects' destructors may make and destroy other pools; this one
    // waits for us if it is to go, and so keeps its place in the list.
    ++pool->ages_;
    lock.unlock();
    pool->age();
    lock.lock();
    if (--pool->ages_ == 0) all.aged.broadcast();
  }
}

void PoolCore::destroy_all(Batch* batches) {
  while (Batch* batch = pop(batches)) {
    for (uint32_t i = 0; i < batch->count; ++i) destroy_(batch->objects[i]);
    delete batch;
  }
}

}  // namespace sluice::sync::internal
