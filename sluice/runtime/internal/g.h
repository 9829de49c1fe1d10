// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/runtime/internal/spawn.h"
#include "sluice/runtime/park.h"

namespace sluice::runtime {

// Go's states, as far as they exist here.
enum class GState : uint8_t {
  free,       // in a free list
  allocated,  // between spawn_begin and spawn_commit
  runnable,   // in a run queue
  running,    // on a thread; with or without a processor
  waiting,    // parked
  // As runnable and waiting, with an observer's mark on it (still.h). Nobody else tells them apart.
  runnable_watched,
  waiting_watched,
};

// A stack: `top` is the highest usable address (coloured, 16-aligned), `slot` its place in the
// pool.
struct Stack {
  char* top = nullptr;
  uint32_t slot = 0;
};

// A goroutine's record, 256 bytes, in memory that is never given back (a stale G* may be read).
//
// The stack is bound when the goroutine first runs, not when it is spawned, and goes back when it
// ends: ten thousand goroutines that wait for their first turn cost 256 bytes each, and all of them
// can run on one warm stack. The closure stays here, in `inline_closure`, unless it is larger.
struct alignas(64) G {
  static constexpr size_t inline_closure_bytes = 104;

  // The first cache line is all that a spawn writes, but for the closure, whose first 32 bytes are
  // in the second: a burst of spawns is bound by memory.
  const internal::ClosureType* type = nullptr;
  uint64_t id = 0;
  const void* created_by = nullptr;  // code address
  uint64_t created_by_id = 0;        // of a stand-in: its thread
  // Coarse ns, see Scheduler::coarse_now; of one that is runnable and sampled, the exact moment.
  std::atomic<uint64_t> waiting_since{0};
  // Saved stack pointer; meaningful while on_cpu is 0.
  void* sp = nullptr;
  // 1 from the moment a thread switches to this stack until it has switched away from it and the
  // registers are saved. Who resumes a G waits for 0 (acquire pairs with finish_switch's release).
  std::atomic<uint8_t> on_cpu{0};
  // Not 0: whoever runs it has something to do. The wait for its turn counts for so many, or its
  // start is recorded (latency.h); with `wait_drawn`, `drawn_wait` says how its wait before that
  // began (wait_count.h).
  std::atomic<uint16_t> sampled{0};
  static constexpr uint16_t wait_drawn = 0x4000;
  // 0: nobody waits, 1: parked, 2: ready() came. See park() in park.cc.
  std::atomic<uint32_t> permit{0};
  uint32_t runtime = 0;  // Scheduler::number of the Runtime it belongs to
  std::atomic<GState> state{GState::free};
  std::atomic<WaitReason> wait_reason{WaitReason::none};
  bool foreign = false;            // stands in for a thread; has no stack of ours
  std::atomic<bool> named{false};  // `name` is this goroutine's, not an earlier one's

  alignas(64) Stack stack;
  // __cxa_eh_globals of this goroutine while it does not run.
  void* eh_globals[2] = {nullptr, nullptr};

  alignas(16) char inline_closure[inline_closure_bytes];
  uint64_t drawn_wait = 0;

  // Link of whichever list holds this G: a free list, the global run queue, a batch.
  G* next = nullptr;
  void* sanitizer = nullptr;  // ASan's fake stack or TSan's fiber
  char name[24] = {};
  // Counts its starts while events are recorded (event_log.h); written by who starts it.
  uint32_t turn = 0;

  const char* label() const { return named.load(std::memory_order_acquire) ? name : ""; }
};
static_assert(sizeof(G) == 256, "a G is small: a million of them are alive");

inline bool fits_inline(const internal::ClosureType& type) {
  return type.size <= G::inline_closure_bytes && type.align <= 16;
}

// Where the closure is: beside the record, or at the top of the stack, which is bound then.
inline void* closure_of(G* g) {
  if (fits_inline(*g->type)) [[likely]]
    return g->inline_closure;
  uintptr_t at = reinterpret_cast<uintptr_t>(g->stack.top) - g->type->size;
  return reinterpret_cast<void*>(at & ~(uintptr_t{std::max<size_t>(g->type->align, 16)} - 1));
}

}  // namespace sluice::runtime
