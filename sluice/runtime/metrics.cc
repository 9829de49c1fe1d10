// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/metrics.h"

#include <iterator>
#include <mutex>

#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/observe.h"
#include "sluice/runtime/internal/stack_pool.h"

namespace sluice {

namespace {

using runtime::sched;

uint64_t difference(uint64_t all, uint64_t part) { return all > part ? all - part : 0; }

void add_ps(RuntimeMetrics& metrics) {
  for (int i = 0; i < sched.p_count; ++i) {
    const runtime::P& p = *sched.ps[i];
    // Ended first: a goroutine must not be seen to end and not to start.
    metrics.goroutines_ended += p.ended.load(std::memory_order_relaxed);
    metrics.goroutines_started += p.started.load(std::memory_order_relaxed);
    metrics.context_switches += p.tick.load(std::memory_order_relaxed);
    metrics.steals += p.steals.load(std::memory_order_relaxed);
    metrics.handoffs += p.given_up.load(std::memory_order_relaxed);
    metrics.timers_armed += p.timers.count();
    metrics.run_queue_lengths.push_back(runtime::queued(p));
    metrics.goroutines_runnable += metrics.run_queue_lengths.back();
    metrics.stacks_cached += runtime::peek(p.free_stack_count);
  }
}

void add_latency(WaitHistogram& histogram) {
  for (uint64_t bound : runtime::latency_bounds_ns)
    histogram.buckets.push_back({Duration(static_cast<int64_t>(bound)), 0});
  uint64_t sum_ns = 0;
  for (int i = 0; i < sched.p_count; ++i) {
    const runtime::LatencyCells& cells = sched.ps[i]->latency;
    for (size_t j = 0; j < runtime::latency_buckets; ++j) {
      uint64_t n = cells.counts[j].load(std::memory_order_relaxed);
      (j < histogram.buckets.size() ? histogram.buckets[j].count : histogram.longer) += n;
      histogram.count += n;
    }
    sum_ns += cells.sum_ns.load(std::memory_order_relaxed);
  }
  histogram.sum = Duration(static_cast<int64_t>(sum_ns));
}

void add_stacks(RuntimeMetrics& metrics) {
  if (sched.p_count == 0) return;  // the pool may be about to be chosen
  runtime::StackPool::Counts counts = runtime::stack_pool->counts();
  metrics.stack_bytes = runtime::stack_pool->stack_bytes();
  metrics.stacks_cached += counts.warm;
  metrics.stacks_released = counts.cold + counts.lazy;
  metrics.stacks_in_use =
      difference(counts.carved, metrics.stacks_cached + metrics.stacks_released);
}

void add_threads(RuntimeMetrics& metrics) {
  runtime::ThreadCounts counts = runtime::count_threads();
  metrics.threads = counts.all;
  metrics.threads_idle = counts.idle;
  metrics.threads_spinning = counts.spinning;
  metrics.goroutines_running = counts.running;
  metrics.goroutines_without_processor = counts.without_p;
}

void add_netpoll(RuntimeMetrics& metrics) {
  runtime::NetpollCounts counts = runtime::netpoll_counts();
  metrics.netpoll_wakeups = counts.wakeups;
  metrics.netpoll_readied = counts.readied;
  metrics.netpoll_descriptors = runtime::netpoll_count();
}

}  // namespace

RuntimeMetrics runtime_metrics() {
  RuntimeMetrics metrics;
  std::lock_guard observed(sched.observed);
  metrics.processors = static_cast<uint32_t>(sched.p_count);
  metrics.processors_idle = runtime::idle_ps();
  add_ps(metrics);
  metrics.goroutines_started += sched.started_elsewhere.load(std::memory_order_relaxed);
  metrics.goroutines = difference(metrics.goroutines_started, metrics.goroutines_ended);
  metrics.global_run_queue_length = sched.global_count.load(std::memory_order_relaxed);
  metrics.goroutines_runnable += metrics.global_run_queue_length;
  add_threads(metrics);
  metrics.goroutines_waiting =
      difference(metrics.goroutines, metrics.goroutines_runnable + metrics.goroutines_running +
                                         metrics.goroutines_without_processor);
  metrics.retakes = sched.retakes.load(std::memory_order_relaxed);
  add_netpoll(metrics);
  add_stacks(metrics);
  metrics.memory = memory_stats();
  add_latency(metrics.scheduling_latency);
  return metrics;
}

}  // namespace sluice
