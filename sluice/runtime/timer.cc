// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/timer.h"

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

void Timer::start(Instant when, Callback callback, void* arg, uint64_t seq) {
  SLUICE_ASSERT(wheel_.load(std::memory_order_relaxed) == nullptr, "a timer is started twice");
  M* m = current_m();
  if (m != nullptr && m->abandoned.load(std::memory_order_relaxed)) [[unlikely]]
    sleep_if_abandoned();
  SLUICE_ASSERT(sched.started.load(std::memory_order_relaxed), "a timer needs a Runtime");
  callback_ = callback;
  arg_ = arg;
  seq_ = seq;
  int64_t count = when.time_since_epoch().count();
  uint64_t at = count < 0 ? 0 : static_cast<uint64_t>(count);
  // The wheel of this thread's P, if it has one; any other serves too, it is only less local.
  P* p = m != nullptr ? m->p.load(std::memory_order_relaxed) : nullptr;
  if (p == nullptr) p = sched.ps[0];
  if (!p->timers.add(this, at)) return;
  // A P that runs looks at its timers before it goes idle, and sysmon looks at all of them; only
  // somebody without a P must make sure that the sleeper does not sleep too long.
  // There always is one when all Ps are idle (Runtime starts the first). Asked after the add: the
  // P may have been taken in between, and who handed it off has not seen the timer then.
  if (fence_needed.load(std::memory_order_relaxed)) [[unlikely]]
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (m != nullptr && m->p.load(std::memory_order_relaxed) == p) return;
  // Pairs with the fence in poll_blocking, which reads the wheels after it.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (at < sched.poll_until.load(std::memory_order_relaxed)) netpoll_break();
}

bool Timer::stop() {
  // A P with armed timers outlives its Runtime, for abandoned threads that stop one.
  TimerWheel* wheel = wheel_.load(std::memory_order_acquire);
  return wheel != nullptr && wheel->remove(this);
}

}  // namespace sluice::runtime
