// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/thread_creations.h"

#include <mutex>
#include <span>

#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/stack_walk.h"

namespace sluice::runtime {

namespace {

// Guards M::created_by of all Ms. Held by threads that create one, which is rare.
std::mutex& creations_mutex() {
  static std::mutex* one = new std::mutex;
  return *one;
}

// The stack that `frame` is on, as far as it can be read.
StackBounds bounds_of(uintptr_t frame) {
  bool in_guard;
  int64_t slot = stack_pool->slot_of(reinterpret_cast<void*>(frame), &in_guard);
  if (slot >= 0) return stack_pool->bounds(static_cast<uint32_t>(slot));
  // A main thread's stack is mapped from where it is used.
  return {frame, own_thread_stack().high};
}

}  // namespace

[[gnu::noinline]] void record_creation(M* m) {
  uintptr_t frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  StackBounds bounds = bounds_of(frame);
  std::lock_guard lock(creations_mutex());
  m->created_by_count = static_cast<uint32_t>(walk_frames(frame, bounds, m->created_by).count);
}

std::vector<std::vector<uintptr_t>> thread_creations() {
  std::vector<std::vector<uintptr_t>> found;
  std::lock_guard lock(creations_mutex());
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next) {
    if (!m->alive.load(std::memory_order_acquire) || m->abandoned.load(std::memory_order_relaxed))
      continue;
    std::span<const uintptr_t> stack = std::span(m->created_by).first(m->created_by_count);
    found.emplace_back(stack.begin(), stack.end());
  }
  return found;
}

}  // namespace sluice::runtime
