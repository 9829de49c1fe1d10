// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/spawn.h"

#include "sluice/base/assert.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/switch.h"
#include "sluice/runtime/simulation.h"

namespace sluice::runtime::internal {

namespace {

constexpr uint64_t id_batch = 64;
constexpr size_t closure_bytes_max = 16384;

uint64_t take_id(P* p) {
  if (p->next_id == p->id_end) {
    // Simulated goroutines are numbered in order.
    uint64_t batch = simulation() == nullptr ? id_batch : 1;
    p->next_id = sched.next_id.fetch_add(batch, std::memory_order_relaxed);
    p->id_end = p->next_id + batch;
  }
  return p->next_id++;
}

// A closure that does not fit beside the record lies at the top of the stack, which is then bound
// right away. `p` may be null.
void place_on_stack(P* p, G* g) {
  Stack stack;
  if (p != nullptr) {
    stack = take_stack(p);
  } else {
    SLUICE_ASSERT(stack_pool->take(&stack, 1) == 1,
                  "every goroutine record is paired with a stack");
  }
  sanitizer::fresh_stack(stack_pool->bottom(stack.slot), stack_pool->usable_bytes());
  g->stack = stack;
  g->sp = prepare_start(closure_of(g));
  g->sanitizer = sanitizer::new_fiber();
}

// What is the same for a goroutine from a P and from elsewhere.
void fill(G* g, P* p, const ClosureType& type, const void* created_by) {
  g->type = &type;
  g->created_by = created_by;
  g->runtime = sched.number.load(std::memory_order_relaxed);
  g->state.store(GState::allocated, std::memory_order_relaxed);
  if (!fits_inline(type)) [[unlikely]]
    place_on_stack(p, g);
}

// Errors: invalid_argument.
bool fits_stack(const ClosureType& type) {
  if (type.size > closure_bytes_max || type.align > 4096) {
    set_spawn_error(Error(Code::invalid_argument,
                          "go: the closure is larger than 16384 bytes or aligned past 4096"));
    return false;
  }
  if (stack_pool != nullptr && type.size + type.align > stack_pool->usable_bytes() / 2) {
    set_spawn_error(Error(Code::invalid_argument,
                          "go: the closure would fill half of its goroutine's stack or more "
                          "(RuntimeOptions::stack_bytes)"));
    return false;
  }
  return true;
}

G* begin_elsewhere(const ClosureType& type, const void* created_by) {
  sleep_if_abandoned();
  if (!sched.started.load(std::memory_order_acquire)) {
    set_spawn_error(Error(Code::failed_precondition, "go: no Runtime exists"));
    return nullptr;
  }
  G* g = alloc_g_elsewhere();
  if (g == nullptr) return nullptr;
  g->id = sched.next_id.fetch_add(1, std::memory_order_relaxed);
  g->created_by_id = goroutine_id();
  fill(g, nullptr, type, created_by);
  return g;
}

}  // namespace

Spawn spawn_begin(const ClosureType& type, const void* created_by, bool pinned) {
  if (!fits_inline(type) && !fits_stack(type)) [[unlikely]]
    return {nullptr, nullptr};
  M* m = region_try_enter();
  G* g;
  if (m == nullptr) [[unlikely]] {
    g = begin_elsewhere(type, created_by);
  } else {
    P* p = m->p.load(std::memory_order_relaxed);
    g = alloc_g(p);
    if (g != nullptr) [[likely]] {
      g->id = take_id(p);
      g->created_by_id = m->g != nullptr ? m->g->id : 0;
      fill(g, p, type, created_by);
    }
    if (!pinned || g == nullptr) region_leave(m);
  }
  if (g == nullptr) [[unlikely]]
    return {nullptr, nullptr};
  return {g, closure_of(g)};
}

void spawn_commit(G* g, bool pinned) {
  g->state.store(GState::runnable, std::memory_order_relaxed);
  M* m = current_m();
  // In a region the caller has the P that spawn_begin found; it did not get one if it is in none.
  if (!pinned || m == nullptr || !m->inside()) [[unlikely]]
    m = region_try_enter();
  if (m == nullptr) [[unlikely]] {
    sched.started_elsewhere.fetch_add(1, std::memory_order_relaxed);
    return push_global(g, Passed::spawned);
  }
  P* p = m->p.load(std::memory_order_relaxed);
  bump(p->started);
  p->sampler.pass(g, Passed::spawned);
  p->spawned.push_back(g);
  wake_one_if_needed();
  region_leave(m);
}

void spawn_abort(G* g) {
  if (g->stack.top != nullptr) {
    stack_pool->give(&g->stack, 1);
    g->stack = {};
    sanitizer::destroy_fiber(g->sanitizer);
  }
  free_g_elsewhere(g);
}

Error spawn_error() { return last_spawn_error(); }

void die_of_spawn_error() {
  std::string text = last_spawn_error().to_string();
  fatal(text);
}

bool spawn_fails() {
  constexpr uint32_t per_million = 1000;
  Simulation* current = simulation();
  if (!current->happens(Decision::fault, per_million)) return false;
  set_spawn_error(Error(Code::resource_exhausted, "go: no goroutine can be had (simulated)"));
  current->note("no goroutine can be had");
  return true;
}

void BlockingRegion::enter() {
  M* m = current_m();
  if (m == nullptr || m->g == nullptr) return;
  if (Simulation* current = simulation()) {  // it takes a while, in which others run
    current->interleave();
    return sleep_for(std::chrono::microseconds(10) * current->choose(Decision::latency, 100));
  }
  m = region_enter();
  release_p_to_another(m);
  region_leave(m);
}

void BlockingRegion::leave() {
  M* m = current_m();
  if (m == nullptr || m->g == nullptr) return;
  region_leave(region_enter());
}

}  // namespace sluice::runtime::internal
