// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// A wait that is measured for block_profile().
struct DrawnWait {
  uint64_t begin = 0;   // ns; 0: it is not
  uint64_t weight = 0;  // for so many
};

DrawnWait begin_drawn_wait(P* p, WaitReason reason);
void end_drawn_wait(const G* g, const DrawnWait& wait);

// As switch_away(), for a goroutine that waits. Drawn or not, it waits in the same frames: equal
// stacks must stay equal, since dumps count them.
[[gnu::always_inline]] inline void switch_away_waiting(M* m, G* g, WaitReason reason) {
  P* p = m->p.load(std::memory_order_relaxed);
  DrawnWait wait;
  if (p->waits[static_cast<size_t>(reason)].pass()) [[unlikely]]
    wait = begin_drawn_wait(p, reason);
  switch_away(m, g);
  if (wait.begin != 0) [[unlikely]]
    end_drawn_wait(g, wait);
}

}  // namespace sluice::runtime
