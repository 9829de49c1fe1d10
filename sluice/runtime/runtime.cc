// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/runtime.h"

#include <time.h>

#include <mutex>
#include <string>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/runtime/events.h"
#include "sluice/runtime/internal/cpu_limit.h"
#include "sluice/runtime/internal/debug_settings.h"
#include "sluice/runtime/internal/environment.h"
#include "sluice/runtime/internal/governor.h"
#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/panic.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/trace.h"

namespace sluice::runtime {

Scheduler sched;

std::vector<P*>& kept_ps() {
  static std::vector<P*>* instance = new std::vector<P*>;
  return *instance;
}

namespace {

std::vector<P**>& kept_arrays() {
  static std::vector<P**>* instance = new std::vector<P**>;
  return *instance;
}

void make_ps(int count) {
  std::lock_guard observed(sched.observed);
  sched.p_count = count;
  sched.ps = new P*[static_cast<size_t>(count)];
  for (int i = 0; i < count; ++i) {
    P* p = new P;
    p->index = static_cast<uint32_t>(i);
    p->random = 0x9E3779B97F4A7C15 * static_cast<uint64_t>(i + 1);
    p->timers.begin(now_ns());
    p->signals.store(is_recording() ? P::recording : 0, std::memory_order_relaxed);
    p->idle = true;
    p->idle_next = sched.idle_ps;
    sched.idle_ps = p;
    sched.ps[i] = p;
  }
  sched.idle_and_spinning.store(static_cast<uint64_t>(count), std::memory_order_seq_cst);
}

// Makes every M look at `stopping`: sleepers by waking them, the others by their P's flag.
void nudge_all() {
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
    if (m->alive.load(std::memory_order_acquire)) wake_m(m);
  for (int i = 0; i < sched.p_count; ++i) sched.ps[i]->raise_attention();
  netpoll_break();
}

// Cuts off a thread that does not come back from a goroutine: it will never touch a P again.
// False: it is inside the runtime just now, so it will leave by itself.
bool abandon(M* m) {
  P* p = m->p.load(std::memory_order_acquire);
  if (p == nullptr) {
    // Since `stopping` was set under this lock nobody takes an idle P; who took one before is about
    // to bind it, and that might be m.
    std::lock_guard lock(sched.lock);
    for (int i = 0; i < sched.p_count; ++i) {
      P* each = sched.ps[i];
      if (!each->idle && each->m.load(std::memory_order_acquire) == nullptr) return false;
    }
    if (m->p.load(std::memory_order_acquire) != nullptr) return false;
    m->abandoned.store(true, std::memory_order_seq_cst);
    return true;
  }
  std::lock_guard lock(p->remote);
  M* owner;
  if (!bar(p, &owner)) return false;
  if (owner != m) {
    unbar(owner);
    return false;
  }
  m->abandoned.store(true, std::memory_order_seq_cst);
  m->p.store(nullptr, std::memory_order_release);
  p->m.store(nullptr, std::memory_order_release);
  std::lock_guard idle(sched.lock);
  p->idle = true;  // accounted for: see above. Nobody takes it.
  return true;
}

// Threads in their own context leave at once. One inside a goroutine leaves at that goroutine's
// next park; if that does not come within a grace, goroutine and thread are abandoned. Returns
// whether one was.
bool wait_for_threads() {
  constexpr uint64_t grace_ns = 200'000'000;
  uint64_t start = now_ns();
  bool abandoned = false;
  for (;;) {
    nudge_all();
    bool anyone = false;
    for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next) {
      if (!m->alive.load(std::memory_order_acquire) || m->abandoned.load()) continue;
      bool in_goroutine = !m->inside() && m->in_goroutine.load(std::memory_order_acquire);
      if (in_goroutine && now_ns() - start > grace_ns && abandon(m))
        abandoned = true;
      else
        anyone = true;
    }
    if (!anyone) return abandoned;
    timespec moment{0, 100'000};
    ::nanosleep(&moment, nullptr);
  }
}

// `abandoned`: a thread of ours goes on, and may just be at one of the Ps' wheels.
void forget_ps(bool abandoned) {
  std::lock_guard observed(sched.observed);
  for (int i = 0; i < sched.p_count; ++i) {
    P* p = sched.ps[i];
    drain_caches(p);
    // What abandoned goroutines left in its queues and wheel stays as it is, for ever.
    if (!abandoned && !p->has_work() && p->timers.count() == 0)
      delete p;
    else
      kept_ps().push_back(p);
  }
  if (abandoned)
    kept_arrays().push_back(sched.ps);
  else
    delete[] sched.ps;
  std::lock_guard lock(sched.lock);
  sched.number.fetch_add(1, std::memory_order_relaxed);
  sched.ps = nullptr;
  sched.p_count = 0;
  sched.idle_ps = nullptr;
  sched.idle_ms = nullptr;
  sched.idle_m_count = 0;
  sched.m_count = 0;
  sched.global = {};
  sched.global_count.store(0);
  sched.poller.store(nullptr);
  sched.poll_until.store(0);
  sched.poller_reserved = false;
  sched.thread_refused.store(false);
  sched.idle_and_spinning.store(0);
  sched.retakes.store(0);
}

void sum_up(uint64_t* started, uint64_t* ended) {
  *started = sched.started_elsewhere.load(std::memory_order_relaxed);
  *ended = 0;
  for (int i = 0; i < sched.p_count; ++i) {
    // Ended first: a count may be momentarily too high, never negative.
    *ended += sched.ps[i]->ended.load(std::memory_order_relaxed);
    *started += sched.ps[i]->started.load(std::memory_order_relaxed);
  }
}

}  // namespace

DebugSettings begin_runtime(const RuntimeOptions& options) {
  SLUICE_ASSERT(!sched.started.load(), "a process has one Runtime at a time");
  init_heavy_fence();
  Result<RuntimeOptions> complete = complete_options(options);
  if (!complete.has_value()) fatal(complete.error().to_string());
  Result<DebugSettings> debug = debug_settings();
  if (!debug.has_value()) fatal(debug.error().to_string());
  sched.options = *complete;
  sched.on_panic.store(complete->on_panic, std::memory_order_relaxed);
  StackPool::release_lazily(!debug->madvdontneed);
  stack_pool = &StackPool::with(sched.options.stack_bytes, sched.options.stack_guard);
  uint32_t cached = static_cast<uint32_t>(sched.options.max_procs) * P::stack_cache_max;
  uint32_t elsewhere = cached + StackPool::in_hand_max;
  Result<void> ready = pair_records_with_stacks(elsewhere);
  if (ready.has_value()) ready = netpoll_init();
  if (!ready.has_value()) fatal(ready.error().to_string());
  install_fault_handlers();
  sched.stopping.store(false);
  make_ps(sched.options.max_procs);
  sched.started.store(true, std::memory_order_release);
  return *debug;
}

void end_runtime(bool abandoned) {
  sched.started.store(false, std::memory_order_release);
  uint64_t started;
  uint64_t ended;
  sum_up(&started, &ended);
  sched.started_elsewhere.store(started - ended, std::memory_order_relaxed);
  forget_ps(abandoned);
}

}  // namespace sluice::runtime

namespace sluice {

using runtime::sched;

Runtime::Runtime(RuntimeOptions options) {
  runtime::DebugSettings debug = runtime::begin_runtime(options);
  runtime::start_sysmon();
  runtime::start_governor(sched.options);
  runtime::start_trace(debug);
  runtime::wake_one_slow();  // from now on somebody watches timers and descriptors
}

Runtime::~Runtime() {
  runtime::stop_trace();
  runtime::stop_governor();
  {
    std::lock_guard lock(sched.lock);  // from now on nobody takes an idle P
    sched.stopping.store(true, std::memory_order_seq_cst);
  }
  runtime::stop_sysmon();
  runtime::end_runtime(runtime::wait_for_threads());
}

int Runtime::max_procs() { return sched.p_count; }

size_t num_goroutines() {
  uint64_t started;
  uint64_t ended;
  runtime::sum_up(&started, &ended);
  return started > ended ? static_cast<size_t>(started - ended) : 0;
}

void* Runtime::begin_wait() {
  SLUICE_ASSERT(goroutine_id() == 0, "block_on is for threads that are no goroutine");
  return runtime::current();
}
void Runtime::wait(void*) { runtime::park(runtime::WaitReason::group); }
void Runtime::end_wait(void* waiter) { runtime::ready(static_cast<runtime::G*>(waiter)); }

}  // namespace sluice
