// SPDX-License-Identifier: Apache-2.0

// What a report of the trace says. Names, order and numbers are those of Go (runtime/proc.go,
// schedtrace; runtime2.go for the states); what has no counterpart here is 0, nil or empty, so that
// whoever reads Go's trace reads this one.

#include "sluice/runtime/internal/observe.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/trace.h"

namespace sluice::runtime {

namespace {

std::string_view yes_or_no(bool value) { return value ? "true" : "false"; }

template <class T>
void field_or_nil(FixedText& text, std::string_view name, const T* object, uint64_t number) {
  if (object != nullptr)
    text.field(name, number);
  else
    text.field(name, std::string_view("nil"));
}

void field_m(FixedText& text, std::string_view name, const M* m) {
  field_or_nil(text, name, m, m != nullptr ? m->number : 0);
}

void report_p(FixedText& text, const P& p) {
  constexpr int idle = 0;  // _Pidle
  constexpr int running = 1;
  M* m = p.m.load(std::memory_order_acquire);
  text.add("  P");
  text.add(p.index);
  text.add(":");
  text.field("status", m == nullptr ? idle : running);
  text.field("schedtick", p.tick.load(std::memory_order_relaxed));
  text.field("syscalltick", p.given_up.load(std::memory_order_relaxed));
  field_m(text, "m", m);
  text.field("runqsize", queued(p));
  text.field("gfreecnt", peek(p.free_g_count));
  text.field("timerslen", p.timers.count());
  text.end_line();
}

void report_m(FixedText& text, const M* m) {
  P* p = m->p.load(std::memory_order_acquire);
  G* g = peek(m->g);
  text.add("  M");
  text.add(m->number);
  text.add(":");
  field_or_nil(text, "p", p, p != nullptr ? p->index : 0);
  field_or_nil(text, "curg", g, g != nullptr ? peek(g->id) : 0);
  text.add(" mallocing=0 throwing=0 preemptoff=");
  text.field("locks", static_cast<uint32_t>(m->inside()));
  text.add(" dying=0");
  text.field("spinning", yes_or_no(peek(m->spinning)));
  text.field("blocked", yes_or_no(p == nullptr && g == nullptr));
  text.add(" lockedg=nil");
  text.end_line();
}

bool listed(const M* m) {
  return m->alive.load(std::memory_order_acquire) && !m->abandoned.load(std::memory_order_relaxed);
}

// Whose thread it is; null when it has just left it.
const M* thread_of(const G* g) {
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
    if (listed(m) && peek(m->g) == g) return m;
  return nullptr;
}

// Go's numbers, of runtime2.go.
int status_of(GState state, const M* m) {
  switch (state) {
    case GState::free:
      return 6;  // _Gdead
    case GState::allocated:
      return 0;  // _Gidle
    case GState::runnable:
    case GState::runnable_watched:
      return 1;
    case GState::running:  // without a P it is what Go calls in a system call
      return m != nullptr && m->p.load(std::memory_order_relaxed) == nullptr ? 3 : 2;
    case GState::waiting:
    case GState::waiting_watched:
      return 4;
  }
  return 6;
}

void report_g(G* g, void* context) {
  FixedText& text = *static_cast<FixedText*>(context);
  GState state = g->state.load(std::memory_order_relaxed);
  if (state == GState::free || g->foreign ||
      peek(g->runtime) != sched.number.load(std::memory_order_relaxed))
    return;
  const M* m = state == GState::running ? thread_of(g) : nullptr;
  int status = status_of(state, m);
  text.add("  G");
  text.add(peek(g->id));
  text.add(":");
  text.field("status", status);
  text.add("(");
  if (status == 4) text.add(name(g->wait_reason.load(std::memory_order_relaxed)));
  text.add(")");
  field_m(text, "m", m);
  text.add(" lockedm=nil");
  text.end_line();
}

}  // namespace

void report(FixedText& text, uint64_t ms, bool detail) {
  ThreadCounts threads = count_threads();
  text.add("SCHED ");
  text.add(ms);
  text.add("ms:");
  text.field("gomaxprocs", sched.p_count);
  text.field("idleprocs", idle_ps());
  text.field("threads", threads.all);
  text.field("spinningthreads", threads.spinning);
  // Work waits for a thread that the system, or threads_max, has refused.
  text.field("needspinning",
             static_cast<int>(sched.thread_refused.load(std::memory_order_relaxed)));
  text.field("idlethreads", threads.idle);
  text.field("runqueue", sched.global_count.load(std::memory_order_relaxed));
  if (!detail) {
    for (int i = 0; i < sched.p_count; ++i) {
      text.add(i == 0 ? " [" : " ");
      text.add(queued(*sched.ps[i]));
    }
    text.add("]");
    return text.end_line();
  }
  text.add(" gcwaiting=0 nmidlelocked=0 stopwait=0");
  text.field("sysmonwait", static_cast<int>(sysmon_sleeps()));
  text.end_line();
  for (int i = 0; i < sched.p_count; ++i) report_p(text, *sched.ps[i]);
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
    if (listed(m)) report_m(text, m);
  visit_records(report_g, &text);
}

}  // namespace sluice::runtime
