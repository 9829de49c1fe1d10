// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/wait_profile.h"

#include <span>

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

[[gnu::always_inline]] inline uintptr_t frame_here() {
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

// Of a record that an ended Runtime left behind there is no stack.
void add(DelayTable& table, std::span<const uintptr_t> stack, uint64_t weight, uint64_t ns) {
  if (!stack.empty()) table.add(stack, weight, ns * weight);
}

// A moment and a weight in one word. Moments are kept in 64 ns, and modulo 6 days.
struct DrawnWait {
  static constexpr int weight_bits = 21;
  static constexpr int coarse_bits = 6;
  static_assert(WaitSampler::weight_max < 1 << weight_bits);

  static uint64_t pack(uint64_t now_ns, uint64_t weight) {
    return now_ns >> coarse_bits << weight_bits | weight;
  }
  static uint64_t weight(uint64_t word) { return word & ((1 << weight_bits) - 1); }
  static uint64_t passed_ns(uint64_t word, uint64_t now_ns) {
    return (pack(now_ns, 0) - (word - weight(word))) >> weight_bits << coarse_bits;
  }
};

}  // namespace

[[gnu::cold]] void begin_drawn_wait(P* p, G* g, WaitReason reason) {
  WaitSampler& sampler = p->waits[static_cast<size_t>(reason)];
  if (!counts(reason)) return sampler.stop();
  uint64_t now = now_ns();
  g->drawn_wait = DrawnWait::pack(now, sampler.draw(now));
  // Its waker may draw it at the same time.
  g->sampled.fetch_or(G::wait_drawn, std::memory_order_relaxed);
}

// The goroutine's registers are saved, or it is the one that calls and never got away.
[[gnu::cold]] void end_drawn_wait(const G* g, uint64_t now_ns) {
  uintptr_t frames[DelayTable::frames_max];
  StackBounds bounds = stack_pool->bounds(g->stack.slot);
  Walk walk = bounds.hold(frame_here(), 1)
                  ? walk_frames(frame_here(), bounds, frames)
                  : walk_saved(reinterpret_cast<uintptr_t>(g->sp), bounds, frames);
  add(blocked, {frames, walk.count}, DrawnWait::weight(g->drawn_wait),
      DrawnWait::passed_ns(g->drawn_wait, now_ns));
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
  uintptr_t frames[DelayTable::frames_max];
  Walk walk = walk_frames(frame_here(), stack_pool->bounds(g->stack.slot), frames);
  add(contended, {frames, walk.count}, weight, end > begin ? end - begin : 0);
}

DelayProfile block_profile() { return blocked.read(); }
DelayProfile mutex_profile() { return contended.read(); }

}  // namespace sluice::runtime
