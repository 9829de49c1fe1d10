// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/on_thread.h"

#include "sluice/runtime/internal/blocked_thread.h"
#include "sluice/runtime/internal/interrupted.h"
#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace {

bool is_good(const Sample& sample, bool partial) {
  return sample.complete || sample.count == Sample::frames_max || partial;
}

}  // namespace

// False: the thread executes, and has to be asked. The goroutine's stack and record are still while
// the thread sleeps in the kernel, which a second look confirms.
bool OnThread::read_blocked(M* m, G* g, bool partial, std::vector<Found>* found) {
  int tid = m->tid.load(std::memory_order_relaxed);
  ThreadPlace place = place_of(tid);
  if (place.state == ThreadState::executing) return false;
  if (place.state == ThreadState::unknown || peek(m->g) != g) return true;
  StackBounds bounds = stack_pool->bounds(peek(g->stack.slot));
  // One that the process is about to die of waits elsewhere, in a signal handler.
  const void* died_at = peek(m->died_at);
  UnwindRegisters registers{.pc = place.pc, .sp = place.sp};
  if (died_at != nullptr) registers = interrupted_registers(died_at);
  if (!bounds.hold(registers.sp, 1)) return true;
  Found& candidate = found->emplace_back(Found{g, died_at == nullptr, {}});
  read_moving(g, &candidate.sample);
  raw_.copy(registers, bounds);
  if (place_of(tid) == place) {
    raw_.unwind(&candidate.sample);
    if (is_good(candidate.sample, partial)) return true;
  }
  found->pop_back();
  return true;
}

std::vector<OnThread::Found> OnThread::look(const std::unordered_set<G*>& wanted, bool partial) {
  std::vector<Found> found;
  std::vector<M*> executing;
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next) {
    if (!m->alive.load(std::memory_order_acquire) || m->abandoned.load()) continue;
    G* g = peek(m->g);
    if (g == nullptr || !wanted.contains(g)) continue;
    if (!read_blocked(m, g, partial, &found)) executing.push_back(m);
  }
  interrupter_.ask(executing);
  for (M* m : executing) {
    const Answer* answer = interrupter_.answer_of(m);
    if (answer == nullptr || !wanted.contains(answer->g)) continue;
    Found& candidate = found.emplace_back(Found{answer->g, false, answer->sample});
    answer->raw.unwind(&candidate.sample);
    if (!is_good(candidate.sample, partial)) found.pop_back();
  }
  return found;
}

}  // namespace sluice::runtime
