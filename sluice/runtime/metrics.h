// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/runtime/memory.h"

namespace sluice {

// Waits, counted by their length.
struct WaitHistogram {
  struct Bucket {
    Duration longest;  // inclusive
    uint64_t count;    // those of this length that the bucket before does not hold
  };
  std::vector<Bucket> buckets;
  uint64_t longer = 0;  // than the last bucket's
  uint64_t count = 0;   // all
  Duration sum{};
};

// What the scheduler is doing and has done; zeros while there is no Runtime.
//
// Nobody is stopped for it: figures are read one after the other while they change, so they need
// not add up, and each is right for a moment within the call. Those that only grow are counted from
// the start of the Runtime.
struct RuntimeMetrics {
  uint64_t goroutines = 0;                    // alive
  uint64_t goroutines_runnable = 0;           // in a run queue
  uint64_t goroutines_running = 0;            // on a thread with a processor
  uint64_t goroutines_without_processor = 0;  // on a thread whose processor was taken: it blocks
                                              // in the kernel or loops
  uint64_t goroutines_waiting = 0;            // the rest: parked
  uint64_t goroutines_started = 0;
  uint64_t goroutines_ended = 0;

  uint32_t processors = 0;
  uint32_t processors_idle = 0;
  std::vector<uint32_t> run_queue_lengths;  // of each processor, the one to run next included
  uint32_t global_run_queue_length = 0;

  uint64_t context_switches = 0;
  uint64_t steals = 0;    // by a processor that had nothing to do, of up to half of another's queue
  uint64_t handoffs = 0;  // of a processor whose goroutine blocked or looped, to another thread
  uint64_t retakes = 0;   // those of them that were not asked for with blocking()

  uint32_t threads = 0;           // of the scheduler, its watchman included
  uint32_t threads_idle = 0;      // asleep; the one that waits for descriptors and timers is none
  uint32_t threads_spinning = 0;  // looking for work

  uint64_t netpoll_wakeups = 0;  // of the thread that waits for descriptors and timers
  uint64_t netpoll_readied = 0;  // goroutines whose descriptors became ready
  uint32_t netpoll_descriptors = 0;
  uint64_t timers_armed = 0;

  uint64_t stacks_in_use = 0;
  uint64_t stacks_cached = 0;    // for the next goroutines; those that were used hold pages
  uint64_t stacks_released = 0;  // their pages went back to the system
  size_t stack_bytes = 0;        // of address space for each; pages come as they are touched

  MemoryStats memory;  // against the limit

  // From being made runnable to running. Estimated from one in 17 to one in 1021, which count for
  // the others.
  WaitHistogram scheduling_latency;
};

// Callable from any thread at any time; allocates. Takes a microsecond and some for each thread.
RuntimeMetrics runtime_metrics();

// In Prometheus' text format 0.0.4, to be served as "text/plain; version=0.0.4".
std::string to_prometheus_text(const RuntimeMetrics& metrics);

}  // namespace sluice
