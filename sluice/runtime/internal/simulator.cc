// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/simulator.h"

#include <cxxabi.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "sluice/base/assert.h"
#include "sluice/base/defer.h"
#include "sluice/base/random.h"
#include "sluice/base/time.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/debug_settings.h"
#include "sluice/runtime/internal/panic.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/stack_walk.h"
#include "sluice/runtime/internal/switch.h"
#include "sluice/runtime/section.h"

namespace sluice::runtime {

namespace {

// Where every run's clocks begin: nothing must depend on when it is run.
constexpr uint64_t clock_begin_ns = uint64_t{3600} * 1'000'000'000;
constexpr std::chrono::seconds wall_begin{1'767'225'600};  // 2026-01-01T00:00:00Z
// A loop that only looks at the clock comes to its end, too.
constexpr uint64_t look_ns = 20;

uint64_t* simulated_clock = nullptr;

Instant simulated_now() {
  *simulated_clock += look_ns;
  return Instant(Duration(*simulated_clock));
}
std::chrono::system_clock::time_point simulated_wall() {
  *simulated_clock += look_ns;
  return std::chrono::system_clock::time_point(wall_begin) +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(
             Duration(*simulated_clock - clock_begin_ns));
}
constexpr sluice::internal::ClockSource simulated_clocks{simulated_now, simulated_wall};

void simulated_random(std::span<std::byte> bytes) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    uint64_t bits = Simulator::current()->random_bits();
    std::memcpy(&bytes[at], &bits, std::min(sizeof bits, bytes.size() - at));
  }
}

void** sanitizer_slot(void*& slot) { return sanitizer::address ? &slot : nullptr; }

std::string describe(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

}  // namespace

Simulator* Simulator::current_ = nullptr;

Simulator::Simulator(const SimulatedRun& run, Decider& decider)
    : run_(run), decider_(decider), clock_ns_(clock_begin_ns) {}

void Simulator::begin() {
  free_all_retired();  // how many there are must not matter to this run, nor to the next
  current_ = this;
  simulated_clock = &clock_ns_;
  sluice::internal::set_clock_source(&simulated_clocks);
  sluice::internal::set_random_source(simulated_random);
  RuntimeOptions options;
  options.max_procs = run_.processors;
  options.stack_bytes = run_.stack_bytes;
  options.memory_limit_bytes = UINT64_MAX;
  options.pool_gc_percent = UINT32_MAX;
  options.on_panic = on_panic;
  begin_runtime(options);
  sched.next_id.store(1, std::memory_order_relaxed);
  sched.coarse_now.store(clock_ns_, std::memory_order_relaxed);
  // Nobody is idle, so that nobody is woken.
  sched.idle_and_spinning.store(0, std::memory_order_relaxed);
  StackBounds own_stack = own_thread_stack();
  for (int i = 0; i < sched.p_count; ++i) {
    P* p = sched.ps[i];
    M* m = new_m();
    SLUICE_ASSERT(m != nullptr, "a simulation needs a record for each processor");
    p->idle = false;
    p->idle_next = nullptr;
    p->signals.store(P::simulated, std::memory_order_relaxed);
    p->m.store(m, std::memory_order_relaxed);
    m->p.store(p, std::memory_order_relaxed);
    m->p_index = i;
    m->barred.store(1, std::memory_order_relaxed);
    m->eh_globals = reinterpret_cast<void**>(abi::__cxa_get_globals());
    m->own_stack = own_stack;
    if constexpr (sanitizer::thread) m->own_sanitizer = sanitizer::this_fiber();
    ms_.push_back(m);
  }
  sched.idle_ps = nullptr;
  sluice_tls_m = ms_[0];
  runtime::internal::current_simulation.store(this, std::memory_order_relaxed);
}

void Simulator::end() {
  free_all_retired();
  runtime::internal::current_simulation.store(nullptr, std::memory_order_relaxed);
  sluice_tls_m = nullptr;
  for (M* m : ms_) {
    m->p.load(std::memory_order_relaxed)->m.store(nullptr, std::memory_order_relaxed);
    m->p.store(nullptr, std::memory_order_relaxed);
    m->region.store(0, std::memory_order_relaxed);
    m->nested = 0;
    m->g = nullptr;
    m->alive.store(false, std::memory_order_release);
  }
  end_runtime(!tasks_.empty());
  sluice::internal::set_clock_source(nullptr);
  sluice::internal::set_random_source(nullptr);
  simulated_clock = nullptr;
  current_ = nullptr;
}

RunOutcome Simulator::run(void (*body)(void*), void* context) {
  SLUICE_ASSERT(current_m() == nullptr, "a simulation is begun by a thread that is no goroutine");
  SignalStack signal_stack;
  begin();
  go([this, body, context] {
    body(context);
    main_ended_ = true;
  });
  go([this] { run_timers(); });
  own_loop();
  outcome_.simulated = Duration(clock_ns_ - clock_begin_ns);
  outcome_.goroutines = sched.next_id.load(std::memory_order_relaxed) - 2;
  if (outcome_.end != RunEnd::finished) describe_unfinished();
  end();
  return std::move(outcome_);
}

// What the thread does that calls run(): goroutines that end come back here.
void Simulator::own_loop() {
  while (!over_) {
    Task* next = pick(nullptr, false);
    if (next == nullptr) {
      settle();
      continue;
    }
    switch_to(nullptr, *next);
    M* m = finish_switch();
    if (over_) return;
    if (m->g == nullptr) m->region.store(0, std::memory_order_relaxed);
  }
}

// Nobody can go on, now or later.
void Simulator::settle() {
  bool others = std::any_of(tasks_.begin(), tasks_.end(),
                            [this](const Task& task) { return task.id != timers_goroutine; });
  if (others) {
    outcome_.end = main_ended_ ? RunEnd::left_over : RunEnd::deadlocked;
    over_ = true;
  } else if (tasks_.empty()) {
    over_ = true;
  } else {
    ending_ = true;
    find(timers_goroutine)->state = State::runnable;
  }
}

Simulator::Task* Simulator::find(uint64_t id) {
  auto at = std::lower_bound(tasks_.begin(), tasks_.end(), id,
                             [](const Task& task, uint64_t wanted) { return task.id < wanted; });
  return at != tasks_.end() && at->id == id ? &*at : nullptr;
}

// Takes over what became runnable.
void Simulator::fetch() {
  auto take = [this](G* g) {
    if (Task* known = find(g->id)) {
      // Within a Section one is readied by whoever has found it, also before it has parked.
      if (known->m != nullptr)
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

bool Simulator::may_go_on(const Task& task) const {
  switch (task.state) {
    case State::running:
    case State::held:
      return true;
    case State::spins:
      return task.lock != nullptr ? !task.lock->is_locked() : outcome_.switches != task.since;
    case State::timers:
      if (earliest_timer() > clock_ns_) return false;
      break;
    case State::waits:
      return false;
    case State::runnable:
      break;
  }
  return std::any_of(ms_.begin(), ms_.end(), [](M* m) { return m->g == nullptr; });
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
    // Whoever waits awake for what nobody else does looks again.
    for (Task& task : tasks_)
      if (task.state == State::spins && task.lock == nullptr) return &task;
  } while (advance());
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
  decider_.switched(next.id, Instant(Duration(clock_ns_)));
  if (next.m == nullptr) {
    M* m = *std::find_if(ms_.begin(), ms_.end(), [](M* each) { return each->g == nullptr; });
    if (to->stack.top == nullptr) prepare_to_run(m->p.load(std::memory_order_relaxed), to);
    next.m = m;
    m->g = to;
    m->switched_from = nullptr;
    m->region.store(1, std::memory_order_relaxed);
    to->sampled.store(0, std::memory_order_relaxed);
  }
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
  if (state == State::held && !decider_.looks()) return;
  Task* task = runs();
  task->state = state;
  task->lock = lock;
  task->since = outcome_.switches;
  Task* next = pick(task, false);
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

void Simulator::interleave() { hold(State::held, nullptr); }
void Simulator::wait_for(const SpinLock& lock) { hold(State::spins, &lock); }
void Simulator::wait_for_others() { hold(State::spins, nullptr); }

bool Simulator::happens(Decision kind, uint32_t per_million) {
  return per_million != 0 && decider_.happens(kind, per_million);
}

void Simulator::note(std::string_view what) {
  decider_.noted(running_, Instant(Duration(clock_ns_)), what);
}

void Simulator::refuse(std::string_view what) { stop(RunEnd::refused, std::string(what)); }

void Simulator::fail(std::string_view what) { stop(RunEnd::failed, std::string(what)); }

void Simulator::stop(RunEnd end, std::string message) {
  M* m = current_m();
  if (m == nullptr || m->g == nullptr)
    fatal("simulation: on a thread that is none of its goroutines: " + message);
  outcome_.end = end;
  outcome_.message = std::move(message);
  outcome_.goroutine = running_;
  over_ = true;
  for (;;) switch_to_own(current_m()->g);
}

void Simulator::on_panic(std::exception_ptr exception) {
  current_->stop(RunEnd::panicked, describe(exception));
}

void Simulator::run_timers() {
  set_goroutine_name("timers");
  while (!ending_) {
    for (M* m : ms_) {
      TimerWheel& timers = m->p.load(std::memory_order_relaxed)->timers;
      if (timers.next_due() <= clock_ns_) timers.run_due(clock_ns_);
    }
    if (earliest_timer() <= clock_ns_) continue;
    Section section;
    section.park(WaitReason::sleep);
  }
}

void Simulator::describe_unfinished() {
  for (const Task& task : tasks_) {
    if (task.id == timers_goroutine) continue;
    Unfinished unfinished;
    unfinished.id = task.id;
    unfinished.created_by_id = task.g->created_by_id;
    unfinished.created_by = reinterpret_cast<uintptr_t>(task.g->created_by);
    unfinished.runs = task.state != State::waits;
    unfinished.wait_reason = task.g->wait_reason.load(std::memory_order_relaxed);
    unfinished.label = task.g->label();
    if (task.g->stack.top != nullptr) {
      unfinished.frames.resize(64);
      Walk walk = walk_saved(reinterpret_cast<uintptr_t>(task.g->sp),
                             stack_pool->bounds(task.g->stack.slot), unfinished.frames);
      unfinished.frames.resize(walk.count);
    }
    outcome_.unfinished.push_back(std::move(unfinished));
  }
}

size_t Simulator::capture_left(std::span<uintptr_t> out) const {
  if (left_ == nullptr) return 0;
  uintptr_t frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return walk_frames(frame, stack_pool->bounds(left_->stack.slot), out).count;
}

size_t capture_left_stack(std::span<uintptr_t> out) {
  return Simulator::current()->capture_left(out);
}

G* leave_simulated(M* m, G* g) { return Simulator::current()->leave(m, g); }

RunOutcome run_simulated(const SimulatedRun& run, Decider& decider, void (*body)(void*),
                         void* context) {
  return Simulator(run, decider).run(body, context);
}

}  // namespace sluice::runtime
