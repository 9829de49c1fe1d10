// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// Takes half of some other P's waiting goroutines, in random order of victims. Returns the first,
// the rest is in p's queues; null when nobody has any. In a region, spinning.
G* steal_work(M* m, P* p);

}  // namespace sluice::runtime
