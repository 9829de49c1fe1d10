// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/still.h"

#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_walk.h"

namespace sluice::runtime {

namespace {

GState watched(GState state) {
  return state == GState::waiting ? GState::waiting_watched : GState::runnable_watched;
}

SLUICE_RACY_READS void read_record(const G* g, Sample* sample) {
  sample->id = racy(g->id);
  sample->created_by_id = racy(g->created_by_id);
  sample->created_by = racy(g->created_by);
  sample->waiting_since = g->waiting_since.load(std::memory_order_relaxed);
  sample->wait_reason = g->wait_reason.load(std::memory_order_relaxed);
  sample->label[0] = 0;
  if (g->named.load(std::memory_order_acquire)) {
    for (size_t i = 0; i < sizeof sample->label; ++i) sample->label[i] = racy(g->name[i]);
    sample->label[sizeof sample->label - 1] = 0;
  }
}

SLUICE_RACY_READS bool is_of_this_runtime(const G* g) {
  return !racy(g->foreign) && racy(g->runtime) == sched.number.load(std::memory_order_relaxed);
}

// False: the record was changing under our eyes.
SLUICE_RACY_READS bool read_stack(const G* g, Sample* sample) {
  sample->count = 0;
  sample->complete = true;
  char* top = racy(g->stack.top);
  sample->started = top != nullptr;
  if (top == nullptr) return true;
  std::atomic_thread_fence(std::memory_order_acquire);  // sp after stack: see still.h
  uint32_t slot = racy(g->stack.slot);
  uintptr_t sp = reinterpret_cast<uintptr_t>(racy(g->sp));
  StackBounds bounds = stack_pool->bounds(slot);
  uintptr_t end = reinterpret_cast<uintptr_t>(top);
  if (end <= bounds.low || end > bounds.high) return false;
  bounds.high = end;
  if (!bounds.hold(sp, 1)) return false;
  Walk walk = walk_saved(sp, bounds, sample->frames);
  sample->started = walk.count != 0;
  sample->count = walk.count;
  sample->complete = walk.complete;
  return true;
}

}  // namespace

std::mutex& one_observer() {
  static std::mutex* one = new std::mutex;
  return *one;
}

Look look_at(G* g, Sample* sample) {
  GState state = g->state.load(std::memory_order_acquire);
  if (state == GState::free || state == GState::allocated || !is_of_this_runtime(g))
    return Look::gone;
  if (state == GState::running) return Look::running;
  GState mark = watched(state);
  if (!g->state.compare_exchange_strong(state, mark, std::memory_order_acq_rel)) return Look::moved;
  observer_fence();
  bool sound = is_of_this_runtime(g) && g->on_cpu.load(std::memory_order_acquire) == 0;
  if (sound) {
    read_record(g, sample);
    sound = read_stack(g, sample);
    sample->state = state;
  }
  observer_fence();
  if (!g->state.compare_exchange_strong(mark, state, std::memory_order_acq_rel)) return Look::moved;
  return sound ? Look::still : Look::moved;
}

SLUICE_RACY_READS bool look_at_abandoned(const G* g, Sample* sample) {
  GState state = g->state.load(std::memory_order_acquire);
  bool stands = state == GState::waiting || state == GState::runnable;
  if (!stands || racy(g->foreign) || is_of_this_runtime(g)) return false;
  if (g->on_cpu.load(std::memory_order_acquire) != 0) return false;
  read_record(g, sample);
  // The pool is the last Runtime's. With stacks of another size there is none to be read.
  if (!read_stack(g, sample)) sample->count = 0;
  sample->state = state;
  return true;
}

void read_moving(G* g, Sample* sample) {
  *sample = Sample{};
  read_record(g, sample);
  Sample again;
  read_record(g, &again);
  if (again.id != sample->id || !is_of_this_runtime(g)) sample->id = 0;
  sample->state = GState::running;
  sample->started = true;
}

}  // namespace sluice::runtime
