// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/wait_profile.h"

#include "sluice/runtime/contention.h"
#include "sluice/runtime/internal/delay_table.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/stack_walk.h"
#include "sluice/runtime/internal/wait_count.h"

namespace sluice::runtime {

namespace {

// Half a megabyte each, of which the pages come as they are touched.
constinit DelayTable blocked;
constinit DelayTable contended;

// Those that end by time or by the outside are not delays that somebody could have spared us.
bool counts(WaitReason reason) {
  switch (reason) {
    case WaitReason::none:
    case WaitReason::sleep:
    case WaitReason::io_wait:
    case WaitReason::blocked_on_processor:
      return false;
    default:
      return true;
  }
}

// `g` is the goroutine that calls.
[[gnu::noinline]] void add_here(DelayTable& table, const G* g, uint64_t weight, uint64_t ns) {
  uintptr_t frames[DelayTable::frames_max];
  Walk walk = walk_frames(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)),
                          stack_pool->bounds(g->stack.slot), frames);
  table.add({frames, walk.count}, weight, ns * weight);
}

}  // namespace

[[gnu::cold]] DrawnWait begin_drawn_wait(P* p, WaitReason reason) {
  WaitSampler& sampler = p->waits[static_cast<size_t>(reason)];
  if (!counts(reason)) {
    sampler.stop();
    return {};
  }
  uint64_t begin = now_ns();
  return {begin, sampler.draw(begin)};
}

[[gnu::cold]] void end_drawn_wait(const G* g, const DrawnWait& wait) {
  add_here(blocked, g, wait.weight, now_ns() - wait.begin);
}

void count_contention(Instant since) {
  M* m = region_try_enter();
  if (m == nullptr) return;
  const G* g = m->g;  // null in a timer's callback
  WaitSampler& sampler = m->p.load(std::memory_order_relaxed)->contentions;
  if (g == nullptr || !sampler.pass()) return region_leave(m);
  uint64_t end = now_ns();
  uint64_t weight = sampler.draw(end);
  region_leave(m);
  uint64_t begin = static_cast<uint64_t>(since.time_since_epoch().count());
  add_here(contended, g, weight, end > begin ? end - begin : 0);
}

DelayProfile block_profile() { return blocked.read(); }
DelayProfile mutex_profile() { return contended.read(); }

}  // namespace sluice::runtime
