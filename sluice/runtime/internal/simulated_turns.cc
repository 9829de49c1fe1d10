// SPDX-License-Identifier: Apache-2.0

// Whose turn it is in a simulated run, and the switches between goroutines.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/base/defer.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/simulator.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/switch.h"

namespace sluice::runtime {

namespace {

// TSan's fiber must outlive a switch, ASan's fake stack belongs to the context that left.
void** sanitizer_slot(void*& slot) { return sanitizer::address ? &slot : nullptr; }

}  // namespace

Simulator::Task* Simulator::find(uint64_t id) {
  auto at = std::lower_bound(tasks_.begin(), tasks_.end(), id,
                             [](const Task& task, uint64_t wanted) { return task.id < wanted; });
  return at != tasks_.end() && at->id == id ? &*at : nullptr;
}

bool Simulator::is_running(State state) {
  return state == State::running || state == State::held || state == State::spins;
}

// Takes over what became runnable.
void Simulator::fetch() {
  auto take = [this](G* g) {
    if (Task* known = find(g->id)) {
      // Within a Section one is readied by whoever has found it, also before it has parked.
      if (is_running(known->state))
        known->readied = true;
      else
        known->state = State::runnable;
      return;
    }
    auto at = std::lower_bound(tasks_.begin(), tasks_.end(), g->id,
                               [](const Task& task, uint64_t id) { return task.id < id; });
    tasks_.insert(at, Task{g->id, g, State::runnable});
  };
  for (M* m : ms_) {
    P* p = m->p.load(std::memory_order_relaxed);
    if (p->runnext != nullptr) {
      take(std::exchange(p->runnext, nullptr));
      p->runnext_set.store(false, std::memory_order_relaxed);
    }
    while (G* g = p->queue.pop_front()) take(g);
    while (G* g = p->spawned.pop_front()) take(g);
  }
}

// A free M, or one of somebody who was interrupted outside of a region: as a processor is taken
// from who computes.
M* Simulator::find_m() {
  for (M* m : ms_)
    if (m->g == nullptr) return m;
  for (Task& task : tasks_)
    if (task.m != nullptr && task.state != State::running && !task.m->inside()) {
      M* m = std::exchange(task.m, nullptr);
      m->g = nullptr;
      return m;
    }
  return nullptr;
}

bool Simulator::has_m() const {
  return std::any_of(ms_.begin(), ms_.end(), [](M* m) { return m->g == nullptr; }) ||
         std::any_of(tasks_.begin(), tasks_.end(), [](const Task& task) {
           return task.m != nullptr && task.state != State::running && !task.m->inside();
         });
}

bool Simulator::may_go_on(const Task& task) const {
  switch (task.state) {
    case State::running:
      return true;
    case State::held:
    case State::runnable:
      break;
    case State::spins:
      if (task.lock != nullptr ? task.lock->is_locked() : outcome_.switches == task.since)
        return false;
      break;
    case State::timers:
      if (earliest_timer() > clock_ns_) return false;
      break;
    case State::waits:
      return false;
  }
  return task.m != nullptr || has_m();
}

// Who goes on; null: nobody can, ever. `current` ran until now and may go on: at a point, or
// because it `yields`.
Simulator::Task* Simulator::pick(Task* current, bool yields) {
  uint64_t current_id = current != nullptr ? current->id : 0;
  deciding_ = true;
  Defer decided{[this] { deciding_ = false; }};
  fetch();
  do {
    ids_.clear();
    for (const Task& task : tasks_)
      if (may_go_on(task)) ids_.push_back(task.id);
    if (!ids_.empty()) {
      size_t at =
          static_cast<size_t>(std::find(ids_.begin(), ids_.end(), current_id) - ids_.begin());
      size_t chosen = ids_.size() == 1 ? 0 : decider_.next(ids_, at, yields);
      SLUICE_ASSERT(chosen < ids_.size(), "a decider chose nobody");
      return find(ids_[chosen]);
    }
  } while (advance());
  // Whoever waits awake for what nobody else does looks again.
  for (Task& task : tasks_)
    if (task.state == State::spins && task.lock == nullptr && (task.m != nullptr || has_m()))
      return &task;
  return nullptr;
}

// To the next timer. False: there is none.
bool Simulator::advance() {
  uint64_t due = earliest_timer();
  if (due == TimerWheel::never || due <= clock_ns_) return false;
  pass(Duration(due - clock_ns_));
  return true;
}

void Simulator::pass(Duration time) {
  clock_ns_ += static_cast<uint64_t>(time.count());
  sched.coarse_now.store(clock_ns_, std::memory_order_relaxed);
}

// From goroutine `from`, which has an M if it is only held, or from the own context when null.
// Returns when that is resumed.
void Simulator::switch_to(G* from, Task& next) {
  G* to = next.g;
  deciding_ = true;
  ++outcome_.switches;
  left_ = from;
  decider_.switched(next.id, to->label(), Instant(Duration(clock_ns_)));
  if (next.m == nullptr) {
    bool was_interrupted = is_running(next.state);
    M* m = find_m();
    SLUICE_ASSERT(m != nullptr && m->nested == 0, "somebody left a region that was another one's");
    if (to->stack.top == nullptr) prepare_to_run(m->p.load(std::memory_order_relaxed), to);
    next.m = m;
    m->g = to;
    m->switched_from = nullptr;
    m->region.store(was_interrupted ? 0 : 1, std::memory_order_relaxed);
    to->sampled.store(0, std::memory_order_relaxed);
  }
  turn_points_ = 0;
  to->on_cpu.store(1, std::memory_order_relaxed);
  to->state.store(GState::running, std::memory_order_relaxed);
  next.state = State::running;
  next.lock = nullptr;
  running_ = next.id;
  sluice_tls_m = next.m;
  void** eh_globals = next.m->eh_globals;
  if (from != nullptr) {
    from->eh_globals[0] = eh_globals[0];
    from->eh_globals[1] = eh_globals[1];
    from->on_cpu.store(0, std::memory_order_relaxed);
  }
  eh_globals[0] = to->eh_globals[0];
  eh_globals[1] = to->eh_globals[1];
  if (happens(Decision::latency, run_.stalls_per_million))
    pass(run_.stall_max * (1 + decider_.choose(Decision::latency, 16)) / 16);
  deciding_ = false;
  void*& sanitized = from != nullptr ? from->sanitizer : own_sanitizer_;
  sanitizer::start_switch(sanitizer_slot(sanitized), stack_pool->bottom(to->stack.slot),
                          stack_pool->usable_bytes(), to->sanitizer);
  sluice_switch(from != nullptr ? &from->sp : &own_sp_, to->sp);
  if constexpr (sanitizer::address) sanitizer::finish_switch(sanitized);
}

// The run is over, or nobody else can go on.
void Simulator::switch_to_own(G* from) {
  M* m = ms_[0];
  sluice_tls_m = m;
  from->eh_globals[0] = m->eh_globals[0];
  from->eh_globals[1] = m->eh_globals[1];
  m->eh_globals[0] = m->eh_globals[1] = nullptr;
  from->on_cpu.store(0, std::memory_order_relaxed);
  running_ = 0;
  sanitizer::start_switch(sanitizer_slot(from->sanitizer),
                          reinterpret_cast<const void*>(m->own_stack.low),
                          m->own_stack.high - m->own_stack.low, m->own_sanitizer);
  sluice_switch(&from->sp, own_sp_);
  if constexpr (sanitizer::address) sanitizer::finish_switch(from->sanitizer);
}

G* Simulator::leave(M* m, G* g) {
  ++outcome_.steps;
  pass(run_.step);
  SLUICE_ASSERT(uninterrupted_ == 0, "somebody waits who must not be interrupted");
  Task* task = find(g->id);
  GState state = g->state.load(std::memory_order_relaxed);
  m->g = nullptr;
  if (state == GState::free) {
    tasks_.erase(tasks_.begin() + (task - tasks_.data()));
    // schedule.cc switches to the own context, on this M.
    m->own_sp = own_sp_;
    if constexpr (sanitizer::address) m->own_sanitizer = own_sanitizer_;
    running_ = 0;
    return nullptr;
  }
  if (outcome_.steps > run_.steps_max) {
    m->g = g;
    stop(RunEnd::endless, {});
  }
  m->region.store(0, std::memory_order_relaxed);
  bool yields = state == GState::runnable;
  if (yields || std::exchange(task->readied, false))
    task->state = State::runnable;
  else
    task->state = task->id == timers_goroutine ? State::timers : State::waits;
  task->m = nullptr;
  Task* next = pick(yields ? task : nullptr, yields);
  if (next != nullptr && next->g == g) {
    next->m = m;
    next->state = State::running;
    m->g = g;
    m->region.store(1, std::memory_order_relaxed);
    turn_points_ = 0;
    g->sampled.store(0, std::memory_order_relaxed);
  } else if (next != nullptr) {
    switch_to(g, *next);
  } else {
    switch_to_own(g);
  }
  return g;
}

// At a point where the running goroutine stays as it is, with its M.
void Simulator::hold(State state, const SpinLock* lock) {
  if (deciding_ || (uninterrupted_ != 0 && state == State::held)) return;
  M* m = current_m();
  SLUICE_ASSERT(m != nullptr, "a simulation's goroutines run on one thread");
  G* g = m->g;
  if (g == nullptr) return;  // the own context
  SLUICE_ASSERT(uninterrupted_ == 0, "somebody waits who must not be interrupted");
  ++outcome_.steps;
  pass(run_.step);
  if (outcome_.steps > run_.steps_max) stop(RunEnd::endless, {});
  // After a millisecond others have their turn, as sysmon sees to it.
  bool is_over = ++turn_points_ >= turn_points_max;
  if (is_over) turn_points_ = 0;
  if (state == State::held && !is_over && !decider_.looks()) return;
  Task* task = runs();
  task->state = state;
  task->lock = lock;
  task->since = outcome_.switches;
  Task* next = pick(task, is_over);
  if (next != nullptr && next->g == g) {
    next->state = State::running;
    next->lock = nullptr;
    return;
  }
  int error = errno;
  if (next != nullptr)
    switch_to(g, *next);
  else
    switch_to_own(g);
  errno = error;
}

}  // namespace sluice::runtime
