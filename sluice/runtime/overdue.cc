// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/overdue.h"

#include <algorithm>
#include <mutex>

#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace {

// The goroutine may be another one by now: its turn then differs from the next one that is seen.
Turn turn_of(const M* m, const G* g) {
  const P* p = m->p.load(std::memory_order_acquire);
  const std::atomic<uint64_t>& count = p != nullptr ? p->tick : m->completed;
  return {.goroutine = peek(g->id),
          .thread = m->number,
          .has_processor = p != nullptr,
          .count = count.load(std::memory_order_relaxed)};
}

bool waits_for_lock(const G* g) {
  GState state = g->state.load(std::memory_order_relaxed);
  if (state != GState::waiting && state != GState::waiting_watched) return false;
  switch (g->wait_reason.load(std::memory_order_relaxed)) {
    case WaitReason::mutex:
    case WaitReason::rw_mutex_read:
    case WaitReason::rw_mutex_write:
      break;
    default:
      return false;
  }
  return !peek(g->foreign) && peek(g->runtime) == sched.number.load(std::memory_order_relaxed);
}

struct LockSearch {
  uint64_t moment;
  bool found = false;

  void visit(const G* g) {
    if (!found && waits_for_lock(g) && g->waiting_since.load(std::memory_order_relaxed) < moment)
      found = true;
  }
};

}  // namespace

std::vector<Turn> current_turns() {
  std::vector<Turn> turns;
  std::lock_guard observed(sched.observed);
  if (sched.p_count == 0) return turns;
  for (const M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next) {
    if (!m->alive.load(std::memory_order_acquire) || m->abandoned.load()) continue;
    if (const G* g = peek(m->g); g != nullptr) turns.push_back(turn_of(m, g));
  }
  return turns;
}

bool anyone_waits_for_lock_since(Instant moment) {
  // Before the system's start where the clock began less long ago than a wait may last.
  LockSearch search{static_cast<uint64_t>(std::max<int64_t>(0, moment.time_since_epoch().count()))};
  visit_records([](G* g, void* search) { static_cast<LockSearch*>(search)->visit(g); }, &search);
  return search.found;
}

}  // namespace sluice::runtime
