// SPDX-License-Identifier: Apache-2.0

// The watchman: a thread without a P that looks at everybody once a millisecond while anything
// runs. It takes the P from goroutines that block or loop, and sees to timers and descriptors that
// nobody else can see to.

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "sluice/base/assert.h"
#include "sluice/base/time.h"
#include "sluice/runtime/internal/deadlock.h"
#include "sluice/runtime/internal/governor.h"
#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/record.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/thread_clock.h"
#include "sluice/runtime/simulation.h"

namespace sluice::runtime {

namespace {

constexpr uint64_t period_min = 1'000'000;
constexpr uint64_t period_max = 10'000'000;
// A goroutine that blocks keeps its P this long, one that computes this long (Go: 20 µs in a
// marked system call, 10 ms in a loop).
constexpr uint64_t blocked_max = 1'000'000;
constexpr uint64_t slice_max = 10'000'000;
// So many idle rounds before the deep sleep, whose end costs a system call.
constexpr int idle_rounds_max = 50;

pthread_t thread;
std::atomic<uint32_t> wake_word{0};
std::atomic<bool> deep_sleep{false};

// Written by the thread before it does anything else, the upper one last; 0 while there is none.
std::atomic<uintptr_t> frames_low{0};
std::atomic<uintptr_t> frames_high{0};

void sleep_for_ns(uint64_t ns) {
  timespec timeout{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  ::syscall(SYS_futex, &wake_word, FUTEX_WAIT_PRIVATE, 0, ns == UINT64_MAX ? nullptr : &timeout,
            nullptr, 0);
  wake_word.store(0, std::memory_order_relaxed);
}

bool all_idle() {
  return (sched.idle_and_spinning.load(std::memory_order_seq_cst) & 0xffffffff) ==
         static_cast<uint64_t>(sched.p_count);
}

// CPU time of m's thread. By thread id, not pthread_t: the thread may not have started yet.
uint64_t cpu_ns(M* m) {
  int tid = m->tid.load(std::memory_order_relaxed);
  if (tid == 0) return 0;
  timespec time;
  if (::clock_gettime(thread_cpu_clock(tid), &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

bool thread_available() {
  std::lock_guard lock(sched.lock);
  return sched.idle_m_count != 0 || sched.poller.load(std::memory_order_relaxed) != nullptr ||
         sched.m_count < static_cast<uint32_t>(sched.options.threads_max);
}

// Takes p from its owner, if that is outside its region: see region.h.
void retake(P* p) {
  if (!p->remote.try_lock()) return;
  M* owner;
  bool taken = false;
  if (bar(p, &owner)) {
    if (owner != nullptr) {
      if (is_recording()) [[unlikely]]
        record_processor(EventKind::processor_taken, p, owner);
      owner->p.store(nullptr, std::memory_order_release);
      p->m.store(nullptr, std::memory_order_release);
      taken = true;  // and stays barred
    }
  }
  p->remote.unlock();
  if (!taken) return;
  sched.retakes.fetch_add(1, std::memory_order_relaxed);
  hand_off(p);
}

// Somebody waits for what only a P can give.
bool wanted(P* p, bool timers_due) {
  return p->has_work() || timers_due || sched.global_count.load(std::memory_order_relaxed) != 0 ||
         (netpoll_count() != 0 && sched.poller.load(std::memory_order_relaxed) == nullptr);
}

// One look at p. Returns whether its goroutine changed since the last one.
bool look_at(P* p, uint64_t now, bool timers_due) {
  M* m = p->m.load(std::memory_order_acquire);
  uint64_t tick = p->tick.load(std::memory_order_relaxed);
  if (m == nullptr) return false;
  if (tick != p->tick_seen) {
    p->tick_seen = tick;
    p->seen_at = now;
    p->cpu_ns_seen = cpu_ns(m);
    if (timers_due) p->raise_attention();
    return true;
  }
  p->raise_attention();
  uint64_t stuck = now - p->seen_at;
  if (stuck < blocked_max || !wanted(p, timers_due)) return false;
  if (sched.anyone_idle_unwatched()) wake_one_slow();
  bool blocked = cpu_ns(m) - p->cpu_ns_seen < stuck / 2;
  // A thread that was given the P and has not come up yet keeps it: another would be no faster.
  if (!m->in_goroutine.load(std::memory_order_relaxed)) return false;
  if ((blocked || stuck >= slice_max) && thread_available()) retake(p);
  return false;
}

// What is ready while nobody waits in epoll goes to the global queue.
void poll_for_others() {
  if (netpoll_count() == 0 || sched.poller.load(std::memory_order_relaxed) != nullptr) return;
  GList list;
  netpoll(list);
  if (list.count == 0) return;
  push_global_list(list, Passed::polled);
  for (int i = 0; i < sched.p_count; ++i) sched.ps[i]->raise_attention();
}

// All Ps are idle; one of them maybe because there was no thread for its work. There may be now.
void retry_refused_thread() {
  if (!sched.thread_refused.load(std::memory_order_relaxed)) return;
  sched.thread_refused.store(false, std::memory_order_seq_cst);
  wake_one_if_needed();
}

// Ends the process if it is one, and is not wanted. True: to be looked at again.
bool may_be_deadlock() {
  if (!sched.options.fatal_deadlock) return false;
  Asleep asleep = all_asleep_for_ever();
  if (asleep == Asleep::for_ever) die_of_deadlock();
  return asleep == Asleep::perhaps;
}

void* sysmon_main(void*) {
  frames_low.store(own_thread_stack().low, std::memory_order_relaxed);
  frames_high.store(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)),
                    std::memory_order_relaxed);
  uint64_t period = period_min;
  int idle_rounds = 0;
  while (!sched.stopping.load(std::memory_order_acquire)) {
    uint64_t now = now_ns();
    sched.coarse_now.store(now, std::memory_order_relaxed);
    if (all_idle()) {
      if (++idle_rounds < idle_rounds_max || may_be_deadlock()) {
        sleep_for_ns(period_max);
        retry_refused_thread();
        continue;
      }
      deep_sleep.store(true, std::memory_order_seq_cst);
      if (all_idle() && !sched.stopping.load(std::memory_order_seq_cst) &&
          !sched.thread_refused.load(std::memory_order_seq_cst))
        sleep_for_ns(UINT64_MAX);
      deep_sleep.store(false, std::memory_order_seq_cst);
      wake_governor();
      idle_rounds = 0;
      continue;
    }
    idle_rounds = 0;
    poll_for_others();
    bool timers_due = earliest_timer() <= now;
    bool changed = false;
    for (int i = 0; i < sched.p_count; ++i) changed |= look_at(sched.ps[i], now, timers_due);
    period = changed ? period_min : std::min(period * 2, period_max);
    uint64_t due = earliest_timer();
    uint64_t until_due = due > now ? due - now : 0;
    sleep_for_ns(std::clamp(until_due, period_min, period));
  }
  return nullptr;
}

}  // namespace

void start_sysmon() {
  int error = ::pthread_create(&thread, nullptr, sysmon_main, nullptr);
  SLUICE_ASSERT(error == 0, "cannot create the sysmon thread");
}

void stop_sysmon() {
  wake_word.store(1, std::memory_order_seq_cst);
  ::syscall(SYS_futex, &wake_word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  ::pthread_join(thread, nullptr);
  frames_high.store(0, std::memory_order_relaxed);  // its stack may be another thread's from now on
  frames_low.store(0, std::memory_order_relaxed);
}

void wake_sysmon() {
  if (!deep_sleep.load(std::memory_order_seq_cst)) return;
  if (!deep_sleep.exchange(false, std::memory_order_seq_cst)) return;
  // Or what parks before sysmon is up would seem to have waited since it fell asleep.
  sched.coarse_now.store(now_ns(), std::memory_order_relaxed);
  wake_word.store(1, std::memory_order_seq_cst);
  ::syscall(SYS_futex, &wake_word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

StackBounds sysmon_frames() {
  return {frames_low.load(std::memory_order_relaxed), frames_high.load(std::memory_order_relaxed)};
}

bool sysmon_sleeps() { return deep_sleep.load(std::memory_order_relaxed); }

uint64_t now_ns() {
  // What the runtime measures for itself takes no simulated time: how much it measures depends on
  // what ran before.
  if (simulation() != nullptr) [[unlikely]]
    return sched.coarse_now.load(std::memory_order_relaxed);
  return static_cast<uint64_t>(now().time_since_epoch().count());
}

}  // namespace sluice::runtime
