// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/latency.h"

#include <algorithm>
#include <iterator>

#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

void LatencyCells::add(uint64_t ns) {
  const uint64_t* bound =
      std::lower_bound(std::begin(latency_bounds_ns), std::end(latency_bounds_ns), ns);
  bump(counts[bound - std::begin(latency_bounds_ns)]);
  sum_ns.store(sum_ns.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
}

void draw_sample(G* g) {
  g->waiting_since.store(now_ns(), std::memory_order_relaxed);
  g->sampled = true;
}

void count_sample(P* p, G* g) {
  g->sampled = false;
  uint64_t since = g->waiting_since.load(std::memory_order_relaxed);
  p->latency.add(now_ns() - since);
}

}  // namespace sluice::runtime
