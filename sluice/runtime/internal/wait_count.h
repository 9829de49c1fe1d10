// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// switch_away() for a wait that was drawn: measures it and puts it into block_profile().
void switch_away_sampled(M* m, G* g, WaitReason reason);

// As switch_away(), for a goroutine that waits.
[[gnu::always_inline]] inline void switch_away_waiting(M* m, G* g, WaitReason reason) {
  P* p = m->p.load(std::memory_order_relaxed);
  if (p->waits[static_cast<size_t>(reason)].pass()) [[unlikely]]
    return switch_away_sampled(m, g, reason);
  switch_away(m, g);
}

}  // namespace sluice::runtime
