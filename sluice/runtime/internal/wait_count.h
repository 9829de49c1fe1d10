// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// How waits come into block_profile(). One that is drawn when it begins (wait_sampler.h) leaves the
// moment in G::drawn_wait; whoever resumes the goroutine takes the time and walks its stack, which
// stands still then. So a wait that is not drawn pays a decrement, and a run nothing: it looks at
// G::sampled anyway.
// Rejected: measuring around the switch, in the goroutine that waits. It costs every wait a frame,
// and drawn ones would have other stacks than their equals, which dumps count as one.
void begin_drawn_wait(P* p, G* g, WaitReason reason);
void end_drawn_wait(const G* g, uint64_t now_ns);

// As switch_away(), for a goroutine that waits.
[[gnu::always_inline]] inline void switch_away_waiting(M* m, G* g, WaitReason reason) {
  P* p = m->p.load(std::memory_order_relaxed);
  if (p->waits[static_cast<size_t>(reason)].pass()) [[unlikely]]
    begin_drawn_wait(p, g, reason);
  switch_away(m, g);
}

}  // namespace sluice::runtime
