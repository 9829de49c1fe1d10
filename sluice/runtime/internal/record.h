// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/internal/event_log.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// What the scheduler says to the event log, by who does it, at the moment. To be called only while
// is_recording(), which makes them slow: nobody's hot path has them inline.

// `g` becomes runnable, and is not in a queue yet.
void record_runnable(G* g, Passed why);
// `g` is to run on `p`, in whose region the caller is.
void record_start(P* p, G* g);
// `g` leaves `m`, and `p`, in whose region the caller is.
void record_stop(M* m, P* p, G* g);
// `m` gets `p`, gives it up or loses it. With nobody but the caller at M::g.
void record_processor(EventKind kind, P* p, M* m);

}  // namespace sluice::runtime
