// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/park.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/event_log.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/wait_count.h"
#include "sluice/runtime/section.h"

namespace sluice::runtime {

namespace {

enum Permit : uint32_t { none = 0, parked = 1, given = 2 };

thread_local G* foreign_g = nullptr;

// A foreign thread's stand-in goes back to a list when the thread ends: a late ready() may still
// touch it, so the memory stays.
struct ForeignCleanup {
  ~ForeignCleanup() {
    if (foreign_g != nullptr) free_g_elsewhere(foreign_g);
    foreign_g = nullptr;
  }
};
thread_local ForeignCleanup foreign_cleanup;

[[gnu::noinline]] G* foreign_current() {
  if (foreign_g == nullptr) {
    foreign_g = new_foreign_g();
    static_cast<void>(&foreign_cleanup);
  }
  return foreign_g;
}

void futex_wait(std::atomic<uint32_t>* word, uint32_t while_value) {
  ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_value, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<uint32_t>* word) {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void park_foreign(G* g, WaitReason reason) {
  uint32_t expected = Permit::none;
  g->wait_reason.store(reason, std::memory_order_relaxed);
  g->state.store(GState::waiting, std::memory_order_relaxed);
  if (g->permit.compare_exchange_strong(expected, Permit::parked, std::memory_order_acq_rel))
    while (g->permit.load(std::memory_order_acquire) == Permit::parked)
      futex_wait(&g->permit, Permit::parked);
  g->permit.store(Permit::none, std::memory_order_relaxed);
  g->state.store(GState::running, std::memory_order_relaxed);
}

void ready_foreign(G* g) {
  if (g->permit.exchange(Permit::given, std::memory_order_acq_rel) == Permit::parked)
    futex_wake(&g->permit);
}

void set_waiting(G* g, WaitReason reason) {
  g->wait_reason.store(reason, std::memory_order_relaxed);
  g->waiting_since.store(sched.coarse_now.load(std::memory_order_relaxed),
                         std::memory_order_relaxed);
  g->state.store(GState::waiting, std::memory_order_relaxed);
}

}  // namespace

// Puts a goroutine that waits into a run queue: this thread's P's if it has one.
void make_runnable(G* g) {
  if (M* m = region_try_enter(); m != nullptr) [[likely]] {
    if (g->runtime == sched.number.load(std::memory_order_relaxed)) [[likely]]
      push_ready(m->p.load(std::memory_order_relaxed), g);
    region_leave(m);
    return;
  }
  // Until it is queued only this thread knows of it, maybe in a register that reach.h does not
  // trust.
  g->permit.store(Permit::given, std::memory_order_relaxed);
  push_global(g, Passed::readied);
}

G* current() {
  M* m = current_m();
  if (m != nullptr && m->g != nullptr) [[likely]]
    return m->g;
  return foreign_current();
}

void park(WaitReason reason) {
  M* m = current_m();
  if (m == nullptr || m->g == nullptr) [[unlikely]]
    return park_foreign(foreign_current(), reason);
  m = region_enter();
  G* g = m->g;
  set_waiting(g, reason);
  uint32_t expected = Permit::none;
  if (!g->permit.compare_exchange_strong(expected, Permit::parked, std::memory_order_acq_rel)) {
    g->permit.store(Permit::none, std::memory_order_relaxed);
    g->state.store(GState::running, std::memory_order_relaxed);
    region_leave(m);
    return;
  }
  switch_away_waiting(m, g, reason);
  region_leave(current_m());
}

void ready(G* g) {
  if (g->foreign) [[unlikely]]
    return ready_foreign(g);
  if (g->permit.exchange(Permit::given, std::memory_order_acq_rel) != Permit::parked) return;
  g->permit.store(Permit::none, std::memory_order_relaxed);
  make_runnable(g);
}

Section::Section() {
  M* m = current_m();
  goroutine_ = m != nullptr && m->g != nullptr;
  if (goroutine_) [[likely]]
    g_ = region_enter()->g;
  else
    g_ = foreign_current();
}

Section::~Section() {
  if (goroutine_) [[likely]]
    region_leave(current_m());
}

void Section::park(WaitReason reason) {
  if (!goroutine_) [[unlikely]]
    return park_foreign(g_, reason);
  set_waiting(g_, reason);
  switch_away_waiting(current_m(), g_, reason);
}

void ready_sectioned(G* g) {
  if (g->foreign) [[unlikely]]
    return ready_foreign(g);
  make_runnable(g);
}

}  // namespace sluice::runtime

namespace sluice {

void yield() {
  using namespace runtime;
  M* m = current_m();
  if (m == nullptr || m->g == nullptr) {
    ::syscall(SYS_sched_yield);
    return;
  }
  m = region_enter();
  G* g = m->g;
  P* p = m->p.load(std::memory_order_relaxed);
  g->state.store(GState::runnable, std::memory_order_relaxed);
  p->sampler.pass(g, Passed::yielded);
  p->queue.push_back(g);
  switch_away(m, g);
  region_leave(current_m());
}

namespace {
void wake_sleeper(void* g, uint64_t) { runtime::ready(static_cast<runtime::G*>(g)); }
}  // namespace

void sleep_until(Instant when) {
  if (when <= now()) return yield();
  runtime::Timer timer;
  timer.start(when, wake_sleeper, runtime::current(), 0);
  runtime::park(runtime::WaitReason::sleep);
}

void sleep_for(Duration duration) {
  if (duration <= Duration::zero()) return yield();
  Instant start = now();
  sleep_until(duration > Instant::max() - start ? Instant::max() : start + duration);
}

uint64_t goroutine_id() {
  runtime::M* m = runtime::current_m();
  return m != nullptr && m->g != nullptr ? m->g->id : 0;
}

void set_goroutine_name(std::string_view name) {
  runtime::G* g = runtime::current();
  size_t length = std::min<size_t>(name.size(), sizeof g->name - 1);
  name.copy(g->name, length);
  g->name[length] = 0;
  g->named.store(true, std::memory_order_release);
  if (runtime::is_recording() && g->id != 0)
    runtime::record({.kind = runtime::EventKind::named, .g = g->id, .text = g->name});
}

}  // namespace sluice
