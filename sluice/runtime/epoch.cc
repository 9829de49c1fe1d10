// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/epoch.h"

#include <sched.h>

#include <mutex>
#include <vector>

#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/proc_local.h"
#include "sluice/runtime/simulation.h"

namespace sluice::runtime {

namespace {

// A pin is a region. Threads without a P share one more slot, whose users exclude each other.
// pthread-free: the holder does not park, waiters give their CPU away.
RawSpinLock foreign_slot;
thread_local bool holds_foreign_slot = false;

struct Retired {
  void* object;
  void (*free)(void*);
};
struct Bin {
  RawSpinLock lock;
  std::vector<Retired> waiting;
};
// Never destroyed: what waits when the process ends stays reachable, and static objects may still
// retire.
union Immortal {
  constexpr Immortal() : bin() {}
  ~Immortal() {}
  Bin bin;
};
constinit Immortal immortal;
Bin& bin = immortal.bin;
// Batches make the membarrier cheap per object; the memory held back is bounded by it.
constexpr size_t batch = 256;

// Returns after every region and foreign pin that was running at the call has ended.
void wait_for_regions() {
  heavy_fence();
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next) {
    if (m == current_m()) continue;
    uint64_t first = m->completed.load(std::memory_order_acquire);
    for (int i = 0;; ++i) {
      if (!m->inside() || m->completed.load(std::memory_order_acquire) != first) break;
      if (!m->alive.load(std::memory_order_acquire)) break;
      if (Simulation* current = simulation())
        current->wait_for_others();
      else if (i > 100)
        ::sched_yield();
    }
  }
  foreign_slot.lock();
  foreign_slot.unlock();
}

bool is_pinned() {
  M* m = current_m();
  return m != nullptr ? m->inside() : holds_foreign_slot;
}

}  // namespace

int pin_slots() { return sched.p_count + 1; }

bool visit_slot(int index, void (*visit)(void* context), void* context) {
  if (index >= pin_slots()) return false;
  if (index == 0) {
    internal::pin_foreign();
    visit(context);
    internal::unpin_foreign();
    return true;
  }
  P* p = sched.ps[index - 1];
  std::lock_guard lock(p->remote);
  M* owner;
  if (!bar(p, &owner)) return false;
  visit(context);
  unbar(owner);
  return true;
}

namespace internal {

int pin_foreign() {
  foreign_slot.lock();
  holds_foreign_slot = true;
  return 0;
}

void unpin_foreign() {
  holds_foreign_slot = false;
  foreign_slot.unlock();
}

}  // namespace internal

void retire(void* object, void (*free)(void*)) {
  std::vector<Retired> ripe;
  {
    std::lock_guard lock(bin.lock);
    bin.waiting.push_back({object, free});
    // Two that wait for each other's pins would do so for ever: this is left to a later caller.
    if (bin.waiting.size() < batch || is_pinned()) return;
    ripe.swap(bin.waiting);
  }
  wait_for_regions();
  for (const Retired& retired : ripe) retired.free(retired.object);
}

void free_all_retired() {
  for (;;) {
    std::vector<Retired> ripe;
    {
      std::lock_guard lock(bin.lock);
      ripe.swap(bin.waiting);
    }
    if (ripe.empty()) return;
    for (const Retired& retired : ripe) retired.free(retired.object);
  }
}

}  // namespace sluice::runtime
