// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/timer.h"

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

void Timer::start(Instant when, Callback callback, void* arg, uint64_t seq) {
  SLUICE_ASSERT(wheel_.load(std::memory_order_relaxed) == 0, "a timer is started twice");
  SLUICE_ASSERT(sched.started.load(std::memory_order_relaxed), "a timer needs a Runtime");
  callback_ = callback;
  arg_ = arg;
  seq_ = seq;
  int64_t count = when.time_since_epoch().count();
  uint64_t at = count < 0 ? 0 : static_cast<uint64_t>(count);
  // The wheel of this thread's P, if it has one; any other serves too, it is only less local.
  M* m = current_m();
  P* p = m != nullptr ? m->p.load(std::memory_order_relaxed) : nullptr;
  bool own = p != nullptr;
  if (!own) p = sched.ps[0];
  bool earliest = p->timers.add(this, at);
  // A P that runs looks at its timers before it goes idle, and sysmon looks at all of them; only
  // somebody without a P must make sure that the sleeper does not sleep too long.
  // There always is one when all Ps are idle (Runtime starts the first).
  if (earliest && !own && at < sched.poll_until.load(std::memory_order_seq_cst)) netpoll_break();
}

bool Timer::stop() {
  uint32_t wheel = wheel_.load(std::memory_order_acquire);
  if (wheel == 0) return false;
  SLUICE_ASSERT(static_cast<int>(wheel) <= sched.p_count, "a timer outlives its Runtime");
  return sched.ps[wheel - 1]->timers.remove(this);
}

}  // namespace sluice::runtime
