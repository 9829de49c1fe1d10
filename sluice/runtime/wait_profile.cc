// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/wait_profile.h"

#include <mutex>
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

// Of goroutines whose P was taken, for instance while they blocked in the kernel with a lock held:
// just those whom others wait for.
RawSpinLock without_p_lock;
WaitSampler without_p;  // guarded by it

// For how many the contention that ends now counts; 0: it is not drawn.
uint64_t draw(WaitSampler& sampler, uint64_t* end) {
  if (!sampler.pass()) return 0;
  *end = now_ns();
  return sampler.draw(*end);
}

uint64_t draw_without_p(uint64_t* end) {
  std::lock_guard lock(without_p_lock);
  return draw(without_p, end);
}

// In a region, which it leaves.
uint64_t draw_on_p(M* m, uint64_t* end) {
  uint64_t weight = draw(m->p.load(std::memory_order_relaxed)->contentions, end);
  region_leave(m);
  return weight;
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
  M* m = current_m();
  if (m == nullptr || m->g == nullptr) return;  // a thread, or a timer's callback
  const G* g = m->g;
  uint64_t end = 0;
  m = region_try_enter();  // in a simulation it may be another one
  uint64_t weight = m == nullptr ? draw_without_p(&end) : draw_on_p(m, &end);
  if (weight == 0) return;
  uint64_t begin = static_cast<uint64_t>(since.time_since_epoch().count());
  uintptr_t frames[DelayTable::frames_max];
  Walk walk = walk_frames(frame_here(), stack_pool->bounds(g->stack.slot), frames);
  add(contended, {frames, walk.count}, weight, end > begin ? end - begin : 0);
}

DelayProfile block_profile() { return blocked.read(); }
DelayProfile mutex_profile() { return contended.read(); }

}  // namespace sluice::runtime
