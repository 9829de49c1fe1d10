// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: events_test.cc

#include "sluice/runtime/internal/record.h"

#include <algorithm>

#include "sluice/runtime/internal/observe.h"

namespace sluice::runtime {

namespace {

int index_of(const P* p) { return p != nullptr ? static_cast<int>(p->index) : -1; }

WakeCause cause(const M* m, Passed why) {
  if (why == Passed::polled) return WakeCause::netpoll;
  if (m == nullptr) return WakeCause::thread;
  // In an M's own context nobody wakes goroutines but netpoll and the timers' callbacks.
  return m->g != nullptr ? WakeCause::goroutine : WakeCause::timer;
}

void record_ready(G* g, Passed why) {
  const M* m = current_m();
  WakeCause by = cause(m, why);
  record({.kind = EventKind::ready,
          .p = m != nullptr ? index_of(m->p.load(std::memory_order_relaxed)) : -1,
          .g = g->id,
          .detail = static_cast<uint16_t>(by),
          .turn = g->turn + 1,
          .a = by == WakeCause::goroutine ? m->g->id : 0});
}

}  // namespace

void record_runnable(G* g, Passed why) {
  switch (why) {
    case Passed::readied:
    case Passed::polled:
      return record_ready(g, why);
    case Passed::spawned:
      return record({.kind = EventKind::created,
                     .g = g->id,
                     .turn = g->turn + 1,
                     .a = g->created_by_id,
                     .b = reinterpret_cast<uint64_t>(g->created_by)});
    case Passed::yielded: {
      // Only if record_stop() is going to be called, which takes it back.
      M* m = current_m();
      m->yields = m->p.load(std::memory_order_relaxed)->has_signal(P::recording);
      return;
    }
    case Passed::requeued:
      return;  // reacquire() says so
  }
}

void record_start(P* p, G* g) {
  record({.kind = EventKind::started,
          .p = index_of(p),
          .g = g->id,
          .detail = static_cast<uint16_t>(std::min<uint32_t>(queued(*p), UINT16_MAX)),
          .turn = ++g->turn});
}

// Not by `state` alone: of one that parks, somebody may have made it runnable again.
void record_stop(M* m, P* p, G* g) {
  EventWords event{.kind = EventKind::parked, .p = index_of(p), .g = g->id};
  if (m->yields) {
    m->yields = false;
    event.kind = EventKind::yielded;
    event.turn = g->turn + 1;
  } else if (g->state.load(std::memory_order_relaxed) == GState::free) {
    event.kind = EventKind::ended;
  } else {
    event.detail = static_cast<uint16_t>(g->wait_reason.load(std::memory_order_relaxed));
  }
  record(event);
}

void record_processor(EventKind kind, P* p, M* m) {
  record({.kind = kind, .p = index_of(p), .g = m->g != nullptr ? m->g->id : 0, .a = m->number});
}

}  // namespace sluice::runtime
