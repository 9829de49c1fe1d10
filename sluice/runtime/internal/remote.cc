// SPDX-License-Identifier: Apache-2.0

// The slow sides of region.h: barring an owner, and getting a P back after it was taken.

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/event_log.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/simulation.h"

extern "C" {
__thread sluice::runtime::M* sluice_tls_m __attribute__((tls_model("initial-exec"))) = nullptr;
}

namespace sluice::runtime {

std::atomic<bool> fence_needed{true};

#if !defined(__x86_64__)
[[gnu::noinline]] M* current_m() {
  asm volatile("" ::: "memory");
  return sluice_tls_m;
}
#endif

namespace {

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("yield");
#endif
}

// A region is a few hundred instructions. Who needs longer is in a slow one or was descheduled by
// the kernel, not seldom by the very thread that it woke from inside its region and that spins here
// now: waiting for it only takes its CPU (measured: at 100 spins a quarter of a busy server's CPU
// went into this loop).
constexpr int bar_spins = 20;

bool stays_inside(const M* m) {
  for (int i = 0; i < bar_spins; ++i) {
    if (!m->inside()) return false;
    relax();
  }
  return true;
}

}  // namespace

void init_heavy_fence() {
  bool registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  fence_needed.store(!registered, std::memory_order_relaxed);
}

void heavy_fence() {
  if (!fence_needed.load(std::memory_order_relaxed) &&
      membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
    return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool bar(P* p, M** owner) {
  M* m = p->m.load(std::memory_order_acquire);
  *owner = m;
  if (m == nullptr) return true;
  // A look first: the fence interrupts the owner's CPU.
  if (stays_inside(m)) return false;
  m->barred.store(1, std::memory_order_seq_cst);
  heavy_fence();
  if (!stays_inside(m)) return true;
  unbar(m);
  return false;
}

void unbar(M* owner) {
  // Release: what the remote did to the P is seen by the owner's next region_enter (acquire).
  if (owner != nullptr) owner->barred.store(0, std::memory_order_release);
}

namespace {

// The end of a goroutine, with its thread, that outlived its Runtime.
[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

// The goroutine's P was taken: takes an idle one, or queues the goroutine and gives up the thread.
// Returns whether the caller still runs on `m`, outside a region, with a P; otherwise it was
// resumed elsewhere, inside a region.
bool reacquire(M* m) {
  G* g = m->g;
  g->wait_reason.store(WaitReason::blocked_on_processor, std::memory_order_relaxed);
  g->state.store(GState::runnable, std::memory_order_relaxed);
  if (acquire_idle_p_or_queue(m, g)) {
    g->state.store(GState::running, std::memory_order_relaxed);
    return true;
  }
  if (is_recording()) [[unlikely]]
    record({.kind = EventKind::requeued, .g = g->id, .turn = g->turn + 1});
  switch_to_own_context(m, g);
  return false;
}

}  // namespace

void sleep_if_abandoned() {
  M* m = current_m();
  if (m != nullptr && m->abandoned.load(std::memory_order_seq_cst)) [[unlikely]]
    sleep_for_ever();
}

// In a simulation every entry is slow: others may get in between.
static M* enter_simulated() {
  simulation()->interleave();
  M* m = current_m();  // it may be another one
  m->region.store(1, std::memory_order_relaxed);
  return m;
}

M* region_try_enter_slow(M* m) {
  region_leave(m);
  return simulation() != nullptr ? enter_simulated() : nullptr;
}

M* region_enter_slow(M* m) {
  for (;;) {
    region_leave(m);
    if (simulation() != nullptr) return enter_simulated();
    for (int i = 0; m->barred.load(std::memory_order_acquire) != 0; ++i) {
      if (m->p.load(std::memory_order_acquire) == nullptr) break;
      if (i < 200)
        relax();
      else
        ::sched_yield();
    }
    if (m->p.load(std::memory_order_acquire) == nullptr) {
      if (m->abandoned.load(std::memory_order_seq_cst)) sleep_for_ever();
      SLUICE_ASSERT(m->g != nullptr, "the scheduler's own context lost its P");
      if (!reacquire(m)) return current_m();
    }
    m->region.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (m->barred.load(std::memory_order_acquire) == 0) return m;
  }
}

void region_enter_own(M* m) {
  for (;;) {
    m->region.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (m->barred.load(std::memory_order_acquire) == 0) return;
    if (m->p.load(std::memory_order_acquire) == nullptr) return;
    region_leave(m);
    ::sched_yield();
  }
}

}  // namespace sluice::runtime
