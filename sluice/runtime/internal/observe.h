// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <mutex>

#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// What the scheduler looks like from outside, for the trace and the metrics: the same figures in
// both. Nobody is stopped for it, so figures that are read one after the other need not add up.

// Goroutines queued on `p`, the one that runs next included (which Go's figure leaves out).
inline uint32_t queued(const P& p) {
  return p.queue.size() + p.spawned.size() + p.runnext_set.load(std::memory_order_relaxed);
}

// Held by who marks goroutines as looked at, or interrupts threads. A pthread mutex: its holder
// does not park, and who waits for it is a thread in the kernel.
std::mutex& one_observer();

struct ThreadCounts {
  uint32_t all = 0;        // scheduling threads and, as in Go, sysmon
  uint32_t idle = 0;       // asleep until somebody has a P for them; the poller is none
  uint32_t spinning = 0;   // looking for work
  uint32_t running = 0;    // in a goroutine, with a P
  uint32_t without_p = 0;  // in a goroutine that blocks or loops, whose P was taken
  bool polling = false;    // one waits in epoll
};
// Takes Scheduler::lock for a moment.
ThreadCounts count_threads();

inline uint32_t idle_ps() {
  return static_cast<uint32_t>(sched.idle_and_spinning.load(std::memory_order_relaxed));
}

}  // namespace sluice::runtime
