// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

#include "sluice/runtime/internal/p.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::runtime {

// An intrusive FIFO of goroutines, linked by G::next.
struct GList {
  G* head = nullptr;
  G* tail = nullptr;
  uint32_t count = 0;

  void push(G* g) {
    g->next = nullptr;
    (tail != nullptr ? tail->next : head) = g;
    tail = g;
    ++count;
  }
  G* pop() {
    G* g = head;
    if (g == nullptr) return nullptr;
    head = g->next;
    if (head == nullptr) tail = nullptr;
    --count;
    return g;
  }
};

struct DebugSettings;

// The state all Ms share. One object for the process; a Runtime starts and stops it.
//
// ## Who wakes whom (Go's rule, runtime/proc.go "Worker thread parking/unparking")
// Whoever makes a goroutine runnable wakes one M, if there is an idle P and no M is spinning, i.e.
// already looking for work. The last spinner that finds work wakes the next. An M that gives up:
// (1) publishes its P as idle and itself as not spinning; then, unless others are spinning still,
// (2) membarrier, (3) looks at all queues once more. The waker pushes first and reads
// `idle_and_spinning` second, with no fence of its own; the membarrier of the last idler stands in
// for it, as in region.h. So either the waker sees the idle P, or that idler sees the work, or it
// found other work and woke the next. Model: models/idle.pml.
struct Scheduler {
  // Number of idle Ps in the low half, number of spinning Ms in the high half.
  alignas(64) std::atomic<uint64_t> idle_and_spinning{0};
  static constexpr uint64_t one_spinning = uint64_t{1} << 32;
  // Time as sysmon last saw it; good enough for "waiting since".
  alignas(64) std::atomic<uint64_t> coarse_now{0};
  std::atomic<uint32_t> global_count{0};  // hint of `global`'s length
  std::atomic<bool> stopping{false};
  std::atomic<bool> started{false};
  std::atomic<bool> thread_refused{false};  // a P is idle because no thread could be created

  // Read at every wake-up, changed at the end of a Runtime only.
  alignas(64) std::atomic<uint32_t> number{1};  // of the Runtime; changed under lock
  // Of the options: also read by a thread that an ended Runtime left behind.
  std::atomic<void (*)(std::exception_ptr)> on_panic{nullptr};
  int p_count = 0;
  P** ps = nullptr;
  RuntimeOptions options;

  // Guards what follows. Taken after P.remote, never while holding a wheel's or channel's lock.
  alignas(64) RawSpinLock lock;
  GList global;
  LatencySampler sampler;  // of what is queued there
  P* idle_ps = nullptr;
  M* idle_ms = nullptr;
  uint32_t idle_m_count = 0;
  uint32_t m_count = 0;

  std::atomic<M*> all_ms{nullptr};  // grows only
  // The M that blocks in epoll, if any; and until when.
  std::atomic<M*> poller{nullptr};
  std::atomic<uint64_t> poll_until{0};
  bool poller_reserved = false;  // guarded by lock: a waker counts the poller as spinning

  // Held by who makes or frees the Ps, and by observers whom no Runtime waits for.
  std::mutex observed;

  // Counters of what is not done by a P.
  std::atomic<uint64_t> started_elsewhere{0};
  std::atomic<uint64_t> next_id{1};
  std::atomic<uint64_t> retakes{0};

  bool anyone_idle_unwatched() const {
    uint64_t word = idle_and_spinning.load(std::memory_order_relaxed);
    return (word & 0xffffffff) != 0 && (word >> 32) == 0;
  }
};
extern Scheduler sched;

// runtime.cc ----------------------------------------------------------------
// Of ended Runtimes, with what their abandoned goroutines left in them; never used again.
std::vector<P*>& kept_ps();
// All of a Runtime but its threads. Bad options or environment end the process.
DebugSettings begin_runtime(const RuntimeOptions& options);
// `abandoned`: threads or goroutines are left that are not to be touched again.
void end_runtime(bool abandoned);

// schedule.cc ---------------------------------------------------------------
// Switches away from the running goroutine, which somebody else will make runnable or which is in
// a queue already. Needs a region of depth 1; returns in one, maybe on another M.
void switch_away(M* m, G* g);
// As switch_away for a goroutine that has ended; does not return.
[[noreturn]] void switch_from_dead(M* m, G* g, G* next);
// The best goroutine of this P without looking further; null when it has none. Needs a region.
G* pop_local(M* m, P* p);
void push_ready(P* p, G* g);
// Gives up the thread of a running goroutine that has no P and is in the global queue already.
// Returns on another M, in a region of depth 1. Called outside a region.
void switch_to_own_context(M* m, G* g);
// To be called by every context right after it got the thread back.
M* finish_switch();
// The body of an M's own context; returns when the scheduler stops.
void schedule_loop(M* m);
// Binds a stack to a goroutine that never ran and makes it startable.
void prepare_to_run(P* p, G* g);

// simulator.cc --------------------------------------------------------------
// In a simulated run: `leaving` waits, yields or has ended. Returns it when it is to go on, maybe
// on another M; null when it has ended, and the own context is to take over.
G* leave_simulated(M* m, G* leaving);

// idle.cc -------------------------------------------------------------------
// Gives up the CPU until there is work; returns the goroutine to run with m->p set, or null when
// the scheduler stops. Scheduler context only.
G* find_runnable(M* m);
// Wakes one M for an idle P if nobody is looking for work already.
void wake_one_slow();
inline void wake_one_if_needed() {
  // The push before comes first. Elsewhere the idler's membarrier sees to that.
  if (fence_needed.load(std::memory_order_relaxed)) [[unlikely]]
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sched.anyone_idle_unwatched()) [[unlikely]]
    wake_one_slow();
}
// Gives `p`, which nobody owns, to some M. Takes sched.lock.
void start_m(P* p, bool spinning);
// The same for a P whose goroutine blocks: it may also be left idle.
void hand_off(P* p);
// Inside a region: this M's goroutine goes on without its P, which another M takes over.
void release_p_to_another(M* m);
void push_global(G* g, Passed why);
void push_global_list(GList& list, Passed why);
// Runs due timers of all Ps. Returns how many fired.
int run_timers(uint64_t now_ns);
uint64_t earliest_timer();
// Takes an idle P for this M, which has none. False: there is none.
bool acquire_idle_p(M* m);
// The same for goroutine g on m; without one it queues g globally. Sleeps for ever if abandoned.
bool acquire_idle_p_or_queue(M* m, G* g);
void bind(M* m, P* p);

// remote.cc -----------------------------------------------------------------
void heavy_fence();
void init_heavy_fence();
// With p->remote held: keeps p's owner out. False: it did not leave its region in time.
bool bar(P* p, M** owner);
void unbar(M* owner);
// For a scheduler context that was given a P: enters a region, or returns in one without a P when
// the P was taken away again meanwhile.
void region_enter_own(M* m);
// Does not return on a thread whose Runtime has ended without it.
void sleep_if_abandoned();

// threads.cc ----------------------------------------------------------------
// The record of a thread to be; null at threads_max.
M* new_m();
// Creates its thread. False: the system has none, or no memory for its stack.
bool launch_m(M* m);
// Takes such a record back, without a P, and has sysmon ask for a thread again. Ends the process if
// there is no thread at all.
void discard_m(M* m);
// The stack that the calling thread was made with; empty if it is not known. Takes a lock of libc,
// and may allocate.
StackBounds own_thread_stack();
void sleep_m(M* m);
void wake_m(M* m);

// thread_creations.cc -----------------------------------------------------------
// Remembers the calling stack as the one that creates m's thread.
void record_creation(M* m);

// park.cc -------------------------------------------------------------------
void make_runnable(G* g);

// epoch.cc ------------------------------------------------------------------
// While nobody is pinned, nor will be before it returns.
void free_all_retired();

// pools.cc (pools.h has the caches of a P) ------------------------------------
G* new_foreign_g();
G* alloc_g_elsewhere();
void free_g_elsewhere(G* g);

// sysmon.cc -----------------------------------------------------------------
void start_sysmon();
void stop_sysmon();
void wake_sysmon();
// Until something runs again.
bool sysmon_sleeps();
// The part of its thread's stack that is sysmon's own.
StackBounds sysmon_frames();

uint64_t now_ns();

}  // namespace sluice::runtime
