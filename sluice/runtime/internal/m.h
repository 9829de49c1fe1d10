// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/event_writer.h"
#include "sluice/runtime/internal/region.h"
#include "sluice/runtime/internal/stack_bounds.h"

namespace sluice::runtime {

struct Answer;

// A scheduling thread. Never freed: observers walk the list of all Ms without a lock.
struct alignas(64) M : RegionWord {
  // The P this thread may use; null when it has none (idle, or its P was taken).
  // Set to a P by whoever gives it, while this M is parked or by itself; set to null by itself
  // inside a region, or by a remote that has barred it.
  std::atomic<P*> p{nullptr};
  int p_index = 0;              // p's, for proc_local.h
  G* g = nullptr;               // the goroutine on this thread; null on the thread's own stack
  G* switched_from = nullptr;   // whose on_cpu the next context clears
  void* own_sp = nullptr;       // the scheduler context while a goroutine runs
  void** eh_globals = nullptr;  // this thread's __cxa_get_globals()
  bool spinning = false;
  // What the scheduler context is to do with the goroutine that just left (see schedule.cc).
  G* next_hint = nullptr;
  Stack dead_stack;
  void* dead_sp = nullptr;  // of nobody
  void* dead_sanitizer = nullptr;

  // Sleep of an idle M: 0 asleep or about to be, 1 woken.
  std::atomic<uint32_t> wake{0};
  M* idle_next = nullptr;                 // guarded by Scheduler::lock
  M* all_next = nullptr;                  // immutable once linked
  std::atomic<bool> alive{false};         // its thread runs the scheduler
  std::atomic<bool> in_goroutine{false};  // a hint for shutdown
  std::atomic<bool> abandoned{false};     // its Runtime is gone; it must not touch a P again
  std::atomic<int> tid{0};
  uint32_t number = 0;  // from 0 up, for the trace; immutable once linked
  void* own_sanitizer = nullptr;
  StackBounds own_stack;
  uintptr_t own_frame = 0;               // where the scheduler's frames on it begin, downwards
  std::atomic<Answer*> answer{nullptr};  // to interrupt.h's questions; made by who asks first
  const void* died_at = nullptr;         // context of the signal that ends the process; its own
  // Return addresses of the stack that created its thread: thread_creations.cc, which guards them.
  static constexpr uint32_t created_by_max = 32;  // Go's maxStack of m.createstack
  uint32_t created_by_count = 0;
  uintptr_t created_by[created_by_max] = {};
  EventWriter events;   // the thread's own
  bool yields = false;  // its goroutine, and an event is to say so; its own
};

// The owner's half of the protocol. False: barred; the caller must leave again and may wait.
[[gnu::always_inline]] inline bool region_begin(M* m) {
  if (m->region.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    ++m->nested;
    return true;
  }
  m->region.store(1, std::memory_order_relaxed);
  if (fence_needed.load(std::memory_order_relaxed)) [[unlikely]]
    std::atomic_thread_fence(std::memory_order_seq_cst);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return m->barred.load(std::memory_order_acquire) == 0;
}

// Enters a region; returns the M, which has a P until region_leave(). Regions nest.
// May park the calling goroutine when its P was taken and no other is free.
[[gnu::always_inline]] inline M* region_enter() {
  M* m = current_m();
  if (!region_begin(m)) [[unlikely]]
    return region_enter_slow(m);
  return m;
}

[[gnu::always_inline]] inline void region_leave(M* m) {
  if (m->nested != 0) [[unlikely]] {
    --m->nested;
    return;
  }
  // Release: who sees the count has the region's reads behind it. Pairs with epoch.cc's acquire.
  m->completed.store(m->completed.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  m->region.store(0, std::memory_order_release);
}

// This thread's M, in a region, if it may touch its P now; null otherwise. Never waits.
[[gnu::always_inline]] inline M* region_try_enter() {
  M* m = current_m();
  if (m == nullptr) [[unlikely]]
    return nullptr;
  if (!region_begin(m)) [[unlikely]]
    return region_try_enter_slow(m);
  return m;
}

}  // namespace sluice::runtime
