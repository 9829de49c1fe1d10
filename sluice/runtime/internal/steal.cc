// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/steal.h"

#include <sched.h>

#include <algorithm>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/event_log.h"

namespace sluice::runtime {

namespace {

constexpr int rounds = 2;  // the second sees who has not moved since the first
constexpr uint32_t steal_max = 256;

uint64_t next_random(P* p) {
  uint64_t x = p->random;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return p->random = x;
}

G* take_half(RunQueue& from, RunQueue& to) {
  uint32_t size = from.size();
  uint32_t n = std::min(size - size / 2, steal_max);
  if (n == 0) return nullptr;
  G* first = from.pop_front();
  for (uint32_t i = 1; i < n; ++i) to.push_back(from.pop_front());
  return first;
}

// With the victim barred. runnext goes only in the last round: its owner is about to run it.
G* take_from(P* victim, P* p, bool last_round) {
  if (G* g = take_half(victim->queue, p->queue); g != nullptr) return g;
  if (G* g = take_half(victim->spawned, p->spawned); g != nullptr) return g;
  if (!last_round) return nullptr;
  G* g = victim->runnext;
  victim->runnext = nullptr;
  victim->runnext_set.store(false, std::memory_order_relaxed);
  return g;
}

// `barred`: whether the victim could be looked at.
G* steal_from(P* victim, P* p, bool last_round, bool* barred) {
  *barred = false;
  if (!victim->remote.try_lock()) return nullptr;
  M* owner;
  G* g = nullptr;
  if (bar(victim, &owner)) {
    *barred = true;
    g = take_from(victim, p, last_round);
    unbar(owner);
  }
  victim->remote.unlock();
  return g;
}

}  // namespace

G* steal_work(M*, P* p) {
  uint32_t count = static_cast<uint32_t>(sched.p_count);
  if (count == 1) return nullptr;
  uint64_t ticks[64] = {};
  for (int round = 0; round < rounds; ++round) {
    bool missed = false;
    bool last_round = round == rounds - 1;
    uint32_t start = static_cast<uint32_t>(next_random(p) >> 33) % count;
    for (uint32_t i = 0; i < count; ++i) {
      P* victim = sched.ps[(start + i) % count];
      if (victim == p) continue;
      bool queued = victim->queue.size() != 0 || victim->spawned.size() != 0;
      uint64_t tick = victim->tick.load(std::memory_order_relaxed);
      bool stuck = last_round && ticks[victim->index % 64] == tick &&
                   victim->runnext_set.load(std::memory_order_relaxed);
      ticks[victim->index % 64] = tick;
      if (!queued && !stuck) continue;
      bool barred;
      if (G* g = steal_from(victim, p, stuck, &barred); g != nullptr) {
        bump(p->steals);
        if (is_recording()) [[unlikely]]
          record({.kind = EventKind::stole,
                  .p = static_cast<int>(p->index),
                  .g = g->id,
                  .a = victim->index});
        return g;
      }
      missed |= !barred;
    }
    if (last_round) break;
    if (missed) {
      ::sched_yield();  // its owner may wait for this very CPU (see bar)
      continue;
    }
    for (int i = 0; i < 16; ++i) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  }
  return nullptr;
}

}  // namespace sluice::runtime
