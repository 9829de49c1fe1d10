// SPDX-License-Identifier: Apache-2.0

// The switch between goroutines, and what decides who is next on a P.

#include <sched.h>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/panic.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/record.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/switch.h"

namespace sluice::runtime {

namespace {

// How often in a row the fast ends may win while somebody else waits: runnext (two goroutines that
// wake each other for ever) and the newest of the spawned. Go bounds the first by the time slice,
// Tokio by 3 polls.
constexpr uint32_t handoffs_max = 16;
constexpr uint32_t spawn_streak_max = 16;
// Every 61st turn looks at the other ends (Go's number: prime, so it beats no rhythm).
constexpr uint32_t fairness_turns = 61;

void save_exceptions(M* m, G* g) {
  g->eh_globals[0] = m->eh_globals[0];
  g->eh_globals[1] = m->eh_globals[1];
}
void restore_exceptions(M* m, G* g) {
  m->eh_globals[0] = g->eh_globals[0];
  m->eh_globals[1] = g->eh_globals[1];
}

[[gnu::always_inline]] inline void mark_running(M* m, G* g) {
  m->g = g;
  g->on_cpu.store(1, std::memory_order_relaxed);
  g->state.store(GState::running, std::memory_order_relaxed);
  if (g->sampled.load(std::memory_order_relaxed) != 0) [[unlikely]]
    note_start(m->p.load(std::memory_order_relaxed), g);
}

// Announces to the sanitizers that the thread goes to `to`, or to its own context.
[[gnu::always_inline]] inline void announce(M* m, void** state, G* to) {
  if constexpr (!sanitizer::address && !sanitizer::thread) return;
  if (to == nullptr) {
    sanitizer::start_switch(state, reinterpret_cast<const void*>(m->own_stack.low),
                            m->own_stack.high - m->own_stack.low, m->own_sanitizer);
  } else {
    sanitizer::start_switch(state, stack_pool->bottom(to->stack.slot), stack_pool->usable_bytes(),
                            to->sanitizer);
  }
}

// TSan's fiber must outlive a switch, ASan's fake stack belongs to the context that left.
void** sanitizer_slot(void*& slot) { return sanitizer::address ? &slot : nullptr; }

[[gnu::cold]] void clean_up_dead(M* m) {
  give_stack(m->p.load(std::memory_order_relaxed), m->dead_stack);
  m->dead_stack = {};
  sanitizer::destroy_fiber(m->dead_sanitizer);
  m->dead_sanitizer = nullptr;
}

// Switches from goroutine `from` to `to`, or to the thread's own context when `to` is null.
[[gnu::always_inline]] inline M* leave_goroutine(M* m, G* from, G* to) {
  save_exceptions(m, from);
  m->switched_from = from;
  void* sp;
  if (to != nullptr) {
    restore_exceptions(m, to);
    mark_running(m, to);
    sp = to->sp;
  } else {
    m->eh_globals[0] = m->eh_globals[1] = nullptr;
    m->g = nullptr;
    sp = m->own_sp;
  }
  announce(m, sanitizer_slot(from->sanitizer), to);
  sluice_switch(&from->sp, sp);
  if constexpr (sanitizer::address) sanitizer::finish_switch(from->sanitizer);
  return finish_switch();
}

}  // namespace

M* finish_switch() {
  M* m = current_m();
  if (G* from = m->switched_from; from != nullptr) {
    m->switched_from = nullptr;
    // Its registers are saved: others may resume it. Pairs with the acquire of on_cpu.
    from->on_cpu.store(0, std::memory_order_release);
  }
  if (m->dead_stack.top != nullptr) [[unlikely]]
    clean_up_dead(m);
  return m;
}

void prepare_to_run(P* p, G* g) {
  Stack stack = take_stack(p);
  sanitizer::fresh_stack(stack_pool->bottom(stack.slot), stack_pool->usable_bytes());
  g->sp = prepare_start(stack.top);
  g->stack.slot = stack.slot;
  // An observer who sees the stack sees its sp, not that of the record's last goroutine (still.h).
  std::atomic_ref(g->stack.top).store(stack.top, std::memory_order_release);
  g->sanitizer = sanitizer::new_fiber();
}

void push_ready(P* p, G* g) {
  g->state.store(GState::runnable, std::memory_order_relaxed);
  p->sampler.pass(g, Passed::readied);
  G* kicked = p->runnext;
  p->runnext = g;
  if (kicked != nullptr) {
    p->queue.push_back(kicked);
    wake_one_if_needed();
  } else {
    p->runnext_set.store(true, std::memory_order_relaxed);
  }
}

G* pop_local(M*, P* p) {
  if (G* g = p->runnext; g != nullptr) {
    p->runnext = nullptr;
    p->runnext_set.store(false, std::memory_order_relaxed);
    if (p->handoffs < handoffs_max) {
      ++p->handoffs;
      return g;
    }
    p->queue.push_back(g);
  }
  p->handoffs = 0;
  if (p->turns_left-- == 0) [[unlikely]] {
    p->turns_left = fairness_turns;
    if (sched.global_count.load(std::memory_order_relaxed) != 0) p->raise_attention();
    if (G* g = p->spawned.pop_front(); g != nullptr) return g;
  }
  if (p->spawn_streak < spawn_streak_max) {
    if (G* g = p->spawned.pop_back(); g != nullptr) {
      ++p->spawn_streak;
      if (G* ahead = p->spawned.peek_back(2); ahead != nullptr) {
        __builtin_prefetch(ahead, 1);
        __builtin_prefetch(reinterpret_cast<const char*>(ahead) + 64, 1);
      }
      return g;
    }
  }
  p->spawn_streak = 0;
  if (G* g = p->queue.pop_front(); g != nullptr) {
    // Two deep: the record of the one after next, and the stack of the next, whose record is here.
    if (G* next = p->queue.peek_front(0); next != nullptr) __builtin_prefetch(next->sp);
    if (G* after = p->queue.peek_front(1); after != nullptr) __builtin_prefetch(after);
    return g;
  }
  return p->spawned.pop_back();
}

// As pop_next, on a P that has signals.
[[gnu::noinline, gnu::cold]] static G* pop_signalled(M* m, P* p, G* leaving) {
  if (p->has_signal(P::simulated)) return leave_simulated(m, leaving);
  bool recording = p->has_signal(P::recording);
  if (recording) record_stop(m, p, leaving);
  if (p->has_signal(P::attention)) return nullptr;
  G* next = pop_local(m, p);
  if (recording && next != nullptr) next->sampled.fetch_or(LatencySampler::recorded);
  return next;
}

// Who is to run after `leaving`; null: the own context is to find out.
[[gnu::always_inline]] static inline G* pop_next(M* m, P* p, G* leaving) {
  if (p->signals.load(std::memory_order_relaxed) == 0) [[likely]]
    return pop_local(m, p);
  return pop_signalled(m, p, leaving);
}

void switch_away(M* m, G* g) {
  SLUICE_ASSERT(m->inside() && m->nested == 0, "a goroutine parks inside a pinned section");
  P* p = m->p.load(std::memory_order_relaxed);
  G* next = pop_next(m, p, g);
  if (next == g) {  // made runnable again before it got away
    if (g->sampled.load(std::memory_order_relaxed) != 0) [[unlikely]]
      note_start(p, g);
    g->state.store(GState::running, std::memory_order_relaxed);
    return;
  }
  if (next != nullptr) {
    if (next->stack.top == nullptr) prepare_to_run(p, next);
    if (next->on_cpu.load(std::memory_order_acquire) != 0) [[unlikely]] {
      // It is still leaving another thread. Wait for that on our own context: waiting here, on a
      // stack that the other thread may in turn be waiting for, could deadlock.
      m->next_hint = next;
      next = nullptr;
    }
  }
  bump(p->tick);
  leave_goroutine(m, g, next);
}

void switch_to_own_context(M* m, G* g) { leave_goroutine(m, g, nullptr); }

void switch_from_dead(M* m, G* g, G* next) {
  P* p = m->p.load(std::memory_order_relaxed);
  m->dead_stack = g->stack;
  m->dead_sanitizer = sanitizer::thread ? g->sanitizer : nullptr;
  g->stack = {};
  free_g(p, g);
  if (next != nullptr && next->stack.top == nullptr) prepare_to_run(p, next);
  if (next != nullptr && next->on_cpu.load(std::memory_order_acquire) != 0) {
    m->next_hint = next;
    next = nullptr;
  }
  bump(p->tick);
  m->switched_from = nullptr;
  void* sp = m->own_sp;
  if (next != nullptr) {
    restore_exceptions(m, next);
    mark_running(m, next);
    sp = next->sp;
  } else {
    m->eh_globals[0] = m->eh_globals[1] = nullptr;
    m->g = nullptr;
  }
  announce(m, nullptr, next);
  // Not to this frame: under the sanitizer it may be gone already.
  sluice_switch(&m->dead_sp, sp);
  __builtin_unreachable();
}

// Runs the goroutine's function. No frame below it catches (nor is noexcept) unless the user set a
// handler: the search for one then ends at the stack's end and std::terminate is called at the
// place of the throw, with the whole stack still there to be printed.
[[gnu::noinline]] static void run_closure(G* g) {
  auto* handler = sched.on_panic.load(std::memory_order_relaxed);
  if (handler == nullptr) [[likely]] {
    g->type->run(closure_of(g));
  } else {
    run_with_handler(g, handler);
  }
}

// The life of a stack: one goroutine after the other, as long as unstarted ones are at hand.
extern "C" [[gnu::used]] void sluice_goroutine_main() {
  if constexpr (sanitizer::address) sanitizer::finish_switch(nullptr);
  M* m = finish_switch();
  for (;;) {
    G* g = m->g;
    region_leave(m);
    run_closure(g);
    m = region_enter();
    P* p = m->p.load(std::memory_order_relaxed);
    bump(p->ended);
    g->state.store(GState::free, std::memory_order_relaxed);
    G* next = pop_next(m, p, g);
    if (sanitizer::thread || next == nullptr || next->stack.top != nullptr)
      switch_from_dead(m, g, next);
    // First: `sp` is of the record's last goroutine, and an observer who sees the stack must see
    // that this one does not stand still (still.h).
    mark_running(m, next);
    std::atomic_signal_fence(std::memory_order_release);
    next->stack = g->stack;
    next->sanitizer = nullptr;
    g->stack = {};
    free_g(p, g);
    bump(p->tick);
  }
}

void schedule_loop(M* m) {
  for (;;) {
    G* g = find_runnable(m);
    if (g == nullptr) return;
    P* p = m->p.load(std::memory_order_relaxed);
    if (g->stack.top == nullptr) prepare_to_run(p, g);
    for (int spins = 0; g->on_cpu.load(std::memory_order_acquire) != 0; ++spins)
      if (spins > 1000) ::sched_yield();
    bump(p->tick);
    if (p->has_signal(P::recording)) [[unlikely]]
      g->sampled.fetch_or(LatencySampler::recorded);
    m->switched_from = nullptr;
    restore_exceptions(m, g);
    mark_running(m, g);
    announce(m, sanitizer_slot(m->own_sanitizer), g);
    m->in_goroutine.store(true, std::memory_order_relaxed);
    sluice_switch(&m->own_sp, g->sp);
    m->in_goroutine.store(false, std::memory_order_relaxed);
    if constexpr (sanitizer::address) sanitizer::finish_switch(m->own_sanitizer);
    finish_switch();
  }
}

}  // namespace sluice::runtime
