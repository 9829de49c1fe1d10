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
// It is read for logs, too, and how much is logged must not matter.
std::chrono::system_clock::time_point simulated_wall() {
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
  // Half of a short run's time, if it were asked for each time.
  static thread_local const StackBounds own_stack = own_thread_stack();
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
                            [](const Task& task) { return task.id != timers_goroutine; });
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

bool Simulator::is_at_a_goroutine() const {
  M* m = current_m();
  return m != nullptr && m->g != nullptr && !deciding_;
}

bool Simulator::may_park() const {
  return is_at_a_goroutine() && uninterrupted_ == 0 && !current_m()->inside();
}

void Simulator::interleave() { hold(State::held, nullptr); }
void Simulator::wait_for(const SpinLock& lock) { hold(State::spins, &lock); }
void Simulator::wait_for_others() { hold(State::spins, nullptr); }

bool Simulator::is_point(const volatile void* word) const {
  if (deciding_ || uninterrupted_ != 0 || current_m()->g == nullptr) return false;
  auto is_in = [word](const auto& record) {
    auto offset = reinterpret_cast<uintptr_t>(word) - reinterpret_cast<uintptr_t>(&record);
    return offset < sizeof record;
  };
  if (is_in(fence_needed) || is_in(runtime::internal::current_simulation) || is_in(sched))
    return false;
  return std::none_of(ms_.begin(), ms_.end(), [is_in](const M* m) {
    return is_in(*m) || is_in(*m->p.load(std::memory_order_relaxed));
  });
}

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
