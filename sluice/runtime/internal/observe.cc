// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/observe.h"

#include <mutex>

namespace sluice::runtime {

ThreadCounts count_threads() {
  ThreadCounts counts;
  {
    std::lock_guard lock(sched.lock);
    counts.all = sched.m_count;
    counts.idle = sched.idle_m_count;
    counts.polling = sched.poller.load(std::memory_order_relaxed) != nullptr;
  }
  if (sched.started.load(std::memory_order_acquire)) ++counts.all;
  counts.spinning =
      static_cast<uint32_t>(sched.idle_and_spinning.load(std::memory_order_relaxed) >> 32);
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next) {
    if (!m->alive.load(std::memory_order_acquire) || m->abandoned.load(std::memory_order_relaxed) ||
        !m->in_goroutine.load(std::memory_order_relaxed))
      continue;
    ++(m->p.load(std::memory_order_relaxed) != nullptr ? counts.running : counts.without_p);
  }
  return counts;
}

}  // namespace sluice::runtime
