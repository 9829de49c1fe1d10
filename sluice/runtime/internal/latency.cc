// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/latency.h"

#include <algorithm>
#include <iterator>

#include "sluice/runtime/internal/record.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/wait_count.h"

namespace sluice::runtime {

namespace {

void grow(std::atomic<uint64_t>& counter, uint64_t by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

void LatencyCells::add(uint64_t ns, uint64_t weight) {
  const uint64_t* bound =
      std::lower_bound(std::begin(latency_bounds_ns), std::end(latency_bounds_ns), ns);
  grow(counts[bound - std::begin(latency_bounds_ns)], weight);
  grow(sum_ns, ns * weight);
}

void LatencySampler::draw(G* g, Passed why) {
  uint64_t now = now_ns();
  g->waiting_since.store(now, std::memory_order_relaxed);
  g->sampled.fetch_or(interval, std::memory_order_relaxed);
  if (is_recording()) [[unlikely]] {
    record_runnable(g, why);
    interval = 1;
    left = 1;
    return;
  }
  uint64_t for_so_many = interval * (uint64_t{1'000'000'000} / many);
  interval = now - drawn_at < for_so_many ? sparse : dense;
  left = interval;
  drawn_at = now;
}

void note_start(P* p, G* g) {
  uint16_t sampled = g->sampled.load(std::memory_order_relaxed);
  g->sampled.store(0, std::memory_order_relaxed);
  if (is_recording()) [[unlikely]]
    record_start(p, g);
  uint64_t weight = sampled & ~(LatencySampler::recorded | G::wait_drawn);
  bool wait_drawn = (sampled & G::wait_drawn) != 0;
  if (weight == 0 && !wait_drawn) return;
  uint64_t now = now_ns();
  if (weight != 0) p->latency.add(now - g->waiting_since.load(std::memory_order_relaxed), weight);
  if (wait_drawn) end_drawn_wait(g, now);
}

}  // namespace sluice::runtime
