// SPDX-License-Identifier: Apache-2.0

// tidy: long-file: one state machine: who looks for work, who sleeps, who wakes whom
//
// Looking for work, going to sleep and waking others: an M's own context. scheduler.h has the rule.

#include <algorithm>
#include <mutex>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/record.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/steal.h"

namespace sluice::runtime {

namespace {

constexpr uint32_t global_batch_max = 64;
constexpr uint64_t low_half = 0xffffffff;

// Takes a fair share of the global queue; the first is returned, the rest goes to p's own.
G* pop_global(P* p, uint32_t most) {
  if (sched.global_count.load(std::memory_order_relaxed) == 0) return nullptr;
  std::lock_guard lock(sched.lock);
  uint32_t share = sched.global.count / static_cast<uint32_t>(sched.p_count) + 1;
  uint32_t n = std::min({share, most, sched.global.count});
  if (n == 0) return nullptr;
  G* first = sched.global.pop();
  for (uint32_t i = 1; i < n; ++i) p->queue.push_back(sched.global.pop());
  sched.global_count.store(sched.global.count, std::memory_order_relaxed);
  return first;
}

void start_spinning(M* m) {
  if (m->spinning) return;
  m->spinning = true;
  sched.idle_and_spinning.fetch_add(Scheduler::one_spinning, std::memory_order_seq_cst);
}

// It found work: if it was the last one looking, somebody else must look from now on.
void stop_spinning(M* m) {
  if (!m->spinning) return;
  m->spinning = false;
  sched.idle_and_spinning.fetch_sub(Scheduler::one_spinning, std::memory_order_seq_cst);
  wake_one_if_needed();
}

// Makes what netpoll found runnable on p.
void accept_ready(P* p, GList& list) {
  if (list.count != 0 && is_recording()) [[unlikely]]
    record({.kind = EventKind::polled, .p = static_cast<int>(p->index), .a = list.count});
  bool more = list.count > 1;
  while (G* g = list.pop()) {
    g->state.store(GState::runnable, std::memory_order_relaxed);
    p->sampler.pass(g, Passed::polled);
    p->queue.push_back(g);
  }
  if (more) wake_one_if_needed();
}

bool may_spin() {
  uint64_t word = sched.idle_and_spinning.load(std::memory_order_relaxed);
  uint64_t busy = static_cast<uint64_t>(sched.p_count) - (word & low_half);
  return 2 * (word >> 32) < busy;  // at most half of the busy Ps' number
}

// Everything that does not wait. In a region, with a P.
G* look_everywhere(M* m, P* p) {
  if (G* hint = m->next_hint; hint != nullptr) {
    m->next_hint = nullptr;
    return hint;
  }
  uint64_t now = now_ns();
  if (p->has_signal(P::attention)) {
    p->signals.fetch_and(~P::attention, std::memory_order_relaxed);
    run_timers(now);
    GList list;
    netpoll(list);
    accept_ready(p, list);
    if (G* g = pop_global(p, 1); g != nullptr) return g;
  }
  if (G* g = pop_local(m, p); g != nullptr) return g;
  if (G* g = pop_global(p, global_batch_max); g != nullptr) return g;
  if (earliest_timer() <= now && run_timers(now) > 0)
    if (G* g = pop_local(m, p); g != nullptr) return g;
  GList list;
  netpoll(list);
  accept_ready(p, list);
  if (G* g = pop_local(m, p); g != nullptr) return g;
  if (m->spinning || may_spin()) {
    start_spinning(m);
    if (G* g = steal_work(m, p); g != nullptr) return g;
  }
  return nullptr;
}

bool work_somewhere() {
  if (sched.global_count.load(std::memory_order_seq_cst) != 0) return true;
  for (int i = 0; i < sched.p_count; ++i)
    if (sched.ps[i]->has_work()) return true;
  return false;
}

void queue_globally_locked(G* g, Passed why) {
  sched.sampler.pass(g, why);
  sched.global.push(g);
}

void put_idle_locked(P* p) {
  SLUICE_ASSERT(!p->idle && p->m.load(std::memory_order_relaxed) == nullptr, "an idle P is owned");
  p->idle = true;
  p->idle_next = sched.idle_ps;
  sched.idle_ps = p;
}

P* take_idle_locked() {
  P* p = sched.idle_ps;
  if (p == nullptr || sched.stopping.load(std::memory_order_relaxed)) return nullptr;
  sched.idle_ps = p->idle_next;
  p->idle = false;
  sched.idle_and_spinning.fetch_sub(1, std::memory_order_seq_cst);
  return p;
}

// Cuts the tie between an M and its P; nobody else can be barring it afterwards.
P* unbind(M* m) {
  P* p = m->p.load(std::memory_order_relaxed);
  if (is_recording()) [[unlikely]]
    record_processor(EventKind::processor_stopped, p, m);
  std::lock_guard lock(p->remote);
  m->barred.store(1, std::memory_order_relaxed);
  m->p.store(nullptr, std::memory_order_release);
  p->m.store(nullptr, std::memory_order_release);
  return p;
}

bool remove_idle_m_locked(M* m) {
  for (M** link = &sched.idle_ms; *link != nullptr; link = &(*link)->idle_next)
    if (*link == m) {
      *link = m->idle_next;
      --sched.idle_m_count;
      return true;
    }
  return false;
}

void push_idle_m_locked(M* m) {
  m->idle_next = sched.idle_ms;
  sched.idle_ms = m;
  ++sched.idle_m_count;
}

// Under the lock, because wakers reserve a poller under it: whoever reserved is answered here.
void leave_poller_role(M* m) {
  std::lock_guard lock(sched.lock);
  sched.poll_until.store(0, std::memory_order_seq_cst);
  sched.poller.store(nullptr, std::memory_order_seq_cst);
  if (sched.poller_reserved) m->spinning = true;  // the waker counted us as spinning already
  sched.poller_reserved = false;
}

// The poller's sleep. `ready` receives what became ready.
void poll_blocking(M* m, GList& ready) {
  uint64_t until = earliest_timer();
  sched.poll_until.store(until, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with Timer::start's
  // Whoever armed an earlier timer before reading poll_until is seen here; who arms it later
  // sees poll_until and breaks the poll. Never longer than was announced, though the timer may be
  // gone since: who arms a later one relies on it. Model: models/poll.pml.
  until = std::min(until, earliest_timer());
  if (is_recording()) [[unlikely]]
    record({.kind = EventKind::thread_polls});
  netpoll_block(until, ready);
  if (is_recording()) [[unlikely]]
    record({.kind = EventKind::thread_woke, .a = ready.count});
  leave_poller_role(m);
}

struct Published {
  bool polls;        // this M is to poll; else it is in idle_ms
  bool others_look;  // some M was spinning at that moment, or one is about to
};

// Gives the P up and publishes that.
Published publish_idle(M* m) {
  P* p = unbind(m);
  std::lock_guard lock(sched.lock);
  put_idle_locked(p);
  uint64_t change = 1;
  if (m->spinning) {
    m->spinning = false;
    change -= Scheduler::one_spinning;
  }
  bool polls = false;
  if (sched.poller.load(std::memory_order_relaxed) == nullptr) {
    sched.poller.store(m, std::memory_order_seq_cst);
    sched.poll_until.store(0, std::memory_order_seq_cst);
    polls = true;
  } else {
    push_idle_m_locked(m);
  }
  uint64_t before = sched.idle_and_spinning.fetch_add(change, std::memory_order_seq_cst);
  return {polls, ((before + change) >> 32) != 0};
}

// After publish_idle found that there is work after all. True: m has a P and spins.
bool cancel_idle(M* m, bool polls) {
  if (polls) {
    if (!acquire_idle_p(m)) return false;  // others took all Ps: they will find the work
    leave_poller_role(m);
  } else {
    std::unique_lock lock(sched.lock);
    P* p = nullptr;
    if (!remove_idle_m_locked(m)) {
      lock.unlock();
      return false;  // somebody took us off the list and gives us a P: sleep_m returns at once
    }
    p = take_idle_locked();
    if (p == nullptr) {
      push_idle_m_locked(m);
      return false;
    }
    lock.unlock();
    bind(m, p);
  }
  start_spinning(m);
  return true;
}

// Sleeps until it has a P or the scheduler stops. Outside a region, without a P.
void wait_for_p(M* m, bool polls) {
  GList ready;
  if (polls) {
    poll_blocking(m, ready);
    bool has_p = !sched.stopping.load(std::memory_order_acquire) && acquire_idle_p(m);
    if (has_p) {
      region_enter_own(m);
      if (P* p = m->p.load(std::memory_order_acquire); p != nullptr) {
        bool more = ready.count > 1;
        accept_ready(p, ready);
        if (more && !m->spinning) wake_one_if_needed();
      } else {
        push_global_list(ready, Passed::polled);
        region_leave(m);
      }
      return;
    }
    stop_spinning(m);  // looks again: others may have relied on the reservation
    push_global_list(ready, Passed::polled);
    if (sched.stopping.load(std::memory_order_acquire)) return;
    P* p;
    {
      std::lock_guard lock(sched.lock);
      p = take_idle_locked();  // one that start_m found nobody for
      if (p == nullptr) push_idle_m_locked(m);
    }
    if (p != nullptr) {
      bind(m, p);
      region_enter_own(m);
      if (m->p.load(std::memory_order_acquire) == nullptr) region_leave(m);
      return;
    }
  }
  sleep_m(m);
  if (m->p.load(std::memory_order_acquire) == nullptr) return;
  region_enter_own(m);
  if (m->p.load(std::memory_order_acquire) == nullptr) region_leave(m);
}

// Without a P, without the poller's role: in the list, until somebody gives it a P.
void join_idle(M* m) {
  {
    std::lock_guard lock(sched.lock);
    push_idle_m_locked(m);
  }
  // Between our goroutine's push_global and here nobody may have found an M.
  if (work_somewhere()) wake_one_if_needed();
  wait_for_p(m, false);
}

}  // namespace

void bind(M* m, P* p) {
  wake_sysmon();
  std::lock_guard lock(p->remote);
  SLUICE_ASSERT(p->m.load(std::memory_order_relaxed) == nullptr &&
                    m->p.load(std::memory_order_relaxed) == nullptr,
                "a P is bound that is bound already");
  if (is_recording()) [[unlikely]]
    record_processor(EventKind::processor_started, p, m);
  p->m.store(m, std::memory_order_release);
  p->tick.store(p->tick.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  m->p_index = static_cast<int>(p->index);
  m->p.store(p, std::memory_order_release);
  m->barred.store(0, std::memory_order_release);
}

bool acquire_idle_p(M* m) {
  if ((sched.idle_and_spinning.load(std::memory_order_seq_cst) & low_half) == 0) return false;
  P* p;
  {
    std::lock_guard lock(sched.lock);
    p = take_idle_locked();
  }
  if (p == nullptr) return false;
  bind(m, p);
  return true;
}

// One section of the lock, so that shutdown can tell a thread that was abandoned before from one
// that still comes back (abandon in runtime.cc).
bool acquire_idle_p_or_queue(M* m, G* g) {
  std::unique_lock lock(sched.lock);
  if (m->abandoned.load(std::memory_order_relaxed)) {  // set under the lock
    lock.unlock();
    sleep_if_abandoned();
  }
  if (P* p = take_idle_locked(); p != nullptr) {
    lock.unlock();
    bind(m, p);
    return true;
  }
  queue_globally_locked(g, Passed::requeued);
  sched.global_count.store(sched.global.count, std::memory_order_seq_cst);
  lock.unlock();
  wake_one_if_needed();
  return false;
}

G* find_runnable(M* m) {
  for (;;) {
    if (sched.stopping.load(std::memory_order_acquire) ||
        m->abandoned.load(std::memory_order_acquire))
      return nullptr;
    P* p = m->p.load(std::memory_order_acquire);
    if (p == nullptr) {
      SLUICE_ASSERT(m->next_hint == nullptr, "an M lost its P with a goroutine in hand");
      stop_spinning(m);
      join_idle(m);
      continue;
    }
    if (G* g = look_everywhere(m, p); g != nullptr) {
      stop_spinning(m);
      return g;
    }
    auto [polls, others_look] = publish_idle(m);
    region_leave(m);
    // The fence interrupts every busy CPU, so only the last one looks again. The others need not:
    // a waker that did not see our P idle pushed before the last one's fence; and if that one finds
    // something else, it wakes another for our P.
    if (sched.p_count > 1 && !others_look) heavy_fence();
    bool more = (!others_look && work_somewhere()) || earliest_timer() <= now_ns();
    if (more && cancel_idle(m, polls)) {
      region_enter_own(m);
      if (m->p.load(std::memory_order_acquire) == nullptr) region_leave(m);
      continue;
    }
    // A timer armed by a P that went idle since may be earlier than what the poller waits for.
    if (!polls && earliest_timer() < sched.poll_until.load(std::memory_order_seq_cst))
      netpoll_break();
    wait_for_p(m, polls);
  }
}

void push_global(G* g, Passed why) {
  GList list;
  list.push(g);
  push_global_list(list, why);
}

void push_global_list(GList& list, Passed why) {
  if (list.count == 0) return;
  {
    std::lock_guard lock(sched.lock);
    while (G* g = list.pop()) {
      // A goroutine of an earlier Runtime is abandoned: it never runs again.
      if (g->runtime != sched.number.load(std::memory_order_relaxed)) continue;
      g->state.store(GState::runnable, std::memory_order_relaxed);
      queue_globally_locked(g, why);
      // As park.cc set it. A permit that came meanwhile is of a wake-up that this one stands for.
      if (why == Passed::readied) g->permit.store(0, std::memory_order_relaxed);
    }
    sched.global_count.store(sched.global.count, std::memory_order_seq_cst);
  }
  wake_one_if_needed();
}

// Reserves the role of the one spinner first, so that a burst of wake-ups costs one.
void wake_one_slow() {
  uint64_t word = sched.idle_and_spinning.load(std::memory_order_seq_cst);
  do {
    if ((word & low_half) == 0 || (word >> 32) != 0) return;
  } while (!sched.idle_and_spinning.compare_exchange_weak(word, word + Scheduler::one_spinning,
                                                          std::memory_order_seq_cst));
  std::unique_lock lock(sched.lock);
  if (sched.idle_ms == nullptr && sched.poller.load(std::memory_order_relaxed) != nullptr) {
    sched.poller_reserved = true;  // it takes the P itself, and our reservation over
    lock.unlock();
    netpoll_break();
    return;
  }
  P* p = take_idle_locked();
  lock.unlock();
  if (p == nullptr) {
    if (sched.stopping.load(std::memory_order_acquire)) return;
    // Others may have relied on the reservation, and a P may be idle since: look again.
    sched.idle_and_spinning.fetch_sub(Scheduler::one_spinning, std::memory_order_seq_cst);
    return wake_one_if_needed();
  }
  start_m(p, true);
}

// Some M runs with `p` from now on: an idle one, or a new thread.
void start_m(P* p, bool spinning) {
  M* m;
  {
    std::lock_guard lock(sched.lock);
    m = sched.idle_ms;
    if (m != nullptr) {
      sched.idle_ms = m->idle_next;
      --sched.idle_m_count;
    }
  }
  if (m != nullptr) {
    m->spinning = spinning;
    bind(m, p);
    wake_m(m);
    return;
  }
  m = new_m();
  if (m != nullptr) {
    m->spinning = spinning;
    bind(m, p);
    if (launch_m(m)) return;
    unbind(m);
    discard_m(m);
  }
  // At threads_max, or at the system's limit, the P waits until a thread is free again.
  std::unique_lock lock(sched.lock);
  if (sched.idle_ms != nullptr) {  // one is, meanwhile
    lock.unlock();
    return start_m(p, spinning);
  }
  put_idle_locked(p);
  sched.idle_and_spinning.fetch_add(spinning ? 1 - Scheduler::one_spinning : 1,
                                    std::memory_order_seq_cst);
  // The poller is a thread too, and takes an idle P itself.
  bool break_poll = sched.poller.load(std::memory_order_relaxed) != nullptr;
  lock.unlock();
  if (break_poll) netpoll_break();
}

// The P of a goroutine that blocks. Taken up at once if there is anything to do with it, or if
// nobody would notice timers and descriptors otherwise.
void hand_off(P* p) {
  bump(p->given_up);
  bool needed = p->has_work() || sched.global_count.load(std::memory_order_seq_cst) != 0 ||
                sched.poller.load(std::memory_order_seq_cst) == nullptr;
  if (needed) return start_m(p, false);
  {
    std::lock_guard lock(sched.lock);
    put_idle_locked(p);
    sched.idle_and_spinning.fetch_add(1, std::memory_order_seq_cst);
  }
  heavy_fence();
  // As an idler rechecks. The poller too: one that found all Ps busy has left the role since.
  if (work_somewhere() || sched.poller.load(std::memory_order_seq_cst) == nullptr)
    wake_one_if_needed();
  else if (earliest_timer() < sched.poll_until.load(std::memory_order_seq_cst))
    netpoll_break();
}

void release_p_to_another(M* m) { hand_off(unbind(m)); }

int run_timers(uint64_t now) {
  int fired = 0;
  for (int i = 0; i < sched.p_count; ++i)
    if (sched.ps[i]->timers.next_due() <= now) fired += sched.ps[i]->timers.run_due(now);
  return fired;
}

uint64_t earliest_timer() {
  uint64_t best = TimerWheel::never;
  for (int i = 0; i < sched.p_count; ++i) best = std::min(best, sched.ps[i]->timers.next_due());
  return best;
}

}  // namespace sluice::runtime
