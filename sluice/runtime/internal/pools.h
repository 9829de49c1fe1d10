// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>

#include "sluice/base/result.h"
#include "sluice/runtime/internal/p.h"
#include "sluice/runtime/internal/sanitizer.h"

namespace sluice::runtime {

// What the last failed spawn said. Process-wide: racing failures differ at most in their figures.
Error last_spawn_error();
void set_spawn_error(Error error);

// To be called when stack_pool was (re)selected: every record gets a stack there, plus
// `extra_stacks` that may sit in caches. Errors: resource_exhausted.
Result<void> pair_records_with_stacks(uint32_t extra_stacks);

// Shows `visit` every record there is: of goroutines in any state, free ones and those of earlier
// Runtimes included, and of stand-ins. They live on meanwhile. Allocates nothing.
void visit_records(void (*visit)(G* g, void* context), void* context);

// All records as they lie in memory, and the lock that keeps it so: for who stops all others.
class RecordsHeld {
 public:
  RecordsHeld();
  ~RecordsHeld();
  RecordsHeld(const RecordsHeld&) = delete;
  RecordsHeld& operator=(const RecordsHeld&) = delete;

  std::span<G* const> slabs() const;
  size_t per_slab() const;
  size_t in_last() const;
};

// Gives a P's caches back, at shutdown.
void drain_caches(P* p);

// Gives the stacks in the caches of all Ps back, as warm ones; those of a P that cannot be barred
// just now stay. For the governor: while the Ps exist, not in a region.
void give_back_cached_stacks();

// What follows needs p's region: its caches of records and stacks, refilled and spilled in batches.

bool refill_gs(P* p);  // false: see last_spawn_error()
void spill_gs(P* p);
void refill_stacks(P* p);
void spill_stacks(P* p);

// A record as a new goroutine finds it. Ended goroutines have caught all their exceptions, but a
// stand-in's thread, or a goroutine cut off by shutdown, may have left something.
inline void reset(G* g) {
  g->permit.store(0, std::memory_order_relaxed);
  g->on_cpu.store(0, std::memory_order_relaxed);
  g->named.store(false, std::memory_order_relaxed);
  g->eh_globals[0] = g->eh_globals[1] = nullptr;
  if constexpr (sanitizer::address || sanitizer::thread) g->sanitizer = nullptr;
}

// Null: see last_spawn_error().
inline G* alloc_g(P* p) {
  constexpr uint32_t prefetch_ahead = 4;
  if (p->free_g_count == 0 && !refill_gs(p)) [[unlikely]]
    return nullptr;
  G* g = p->free_gs[--p->free_g_count];
  if (p->free_g_count >= prefetch_ahead) {
    // A burst of spawns walks cold records: have the lines that it writes on their way.
    const char* ahead = reinterpret_cast<const char*>(p->free_gs[p->free_g_count - prefetch_ahead]);
    __builtin_prefetch(ahead, 1);
    __builtin_prefetch(ahead + 64, 1);
  }
  reset(g);
  return g;
}

inline void free_g(P* p, G* g) {
  g->state.store(GState::free, std::memory_order_relaxed);
  if (p->free_g_count == P::g_cache_max) [[unlikely]]
    spill_gs(p);
  p->free_gs[p->free_g_count++] = g;
}

inline Stack take_stack(P* p) {
  if (p->free_stack_count == 0) [[unlikely]]
    refill_stacks(p);
  return p->free_stacks[--p->free_stack_count];
}

inline void give_stack(P* p, Stack stack) {
  if (p->free_stack_count == P::stack_cache_max) [[unlikely]]
    spill_stacks(p);
  p->free_stacks[p->free_stack_count++] = stack;
}

}  // namespace sluice::runtime
