// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/runtime/internal/latency.h"
#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/run_queue.h"
#include "sluice/runtime/internal/timer_wheel.h"
#include "sluice/runtime/internal/wait_sampler.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::runtime {

// A processor: the right to run goroutines, and the queues and caches that go with it.
// The first group is the owner's (region.h says who that is), unsynchronised.
struct alignas(64) P {
  // Readied by the running goroutine: runs next, on a warm cache. Bounded by `handoffs`.
  G* runnext = nullptr;
  RunQueue queue;         // readied goroutines, FIFO
  RunQueue spawned;       // goroutines that never ran: newest first here, oldest first for thieves
  uint32_t handoffs = 0;  // runs in a row that runnext gave while others waited
  uint32_t spawn_streak = 0;  // runs in a row from `spawned` while others waited
  uint32_t turns_left = 0;    // until the next look at the other ends of the queues
  LatencySampler sampler;
  WaitSampler waits[wait_reasons];  // a kind each: a frequent one does not hide a rare one
  WaitSampler contentions;
  uint32_t index = 0;
  uint64_t random = 0;
  uint32_t free_g_count = 0;
  uint32_t free_stack_count = 0;
  static constexpr uint32_t g_cache_max = 256;
  G* free_gs[g_cache_max];  // an array, not a list: taking one does not touch the next
  static constexpr uint32_t stack_cache_max = 128;
  Stack free_stacks[stack_cache_max];
  uint64_t next_id = 0;
  uint64_t id_end = 0;

  // Read by observers at any time; written by the owner only, by plain load and store.
  alignas(64) std::atomic<uint64_t> tick{0};  // context switches
  std::atomic<uint64_t> started{0};
  std::atomic<uint64_t> ended{0};
  std::atomic<uint64_t> steals{0};
  std::atomic<bool> runnext_set{false};
  // What is to be done when a goroutine leaves, besides running the next: a bit for each.
  std::atomic<uint32_t> signals{0};
  // Raised by sysmon: look at timers, netpoll and the global queue first.
  static constexpr uint32_t attention = 1;
  // Events are recorded.
  static constexpr uint32_t recording = 2;
  // The simulator says who is next; set while the P exists.
  static constexpr uint32_t simulated = 4;
  // Times that a goroutine which blocked or looped gave it up; written by who hands it on.
  std::atomic<uint64_t> given_up{0};
  LatencyCells latency;

  // Serialises everybody who is not the owner.
  alignas(64) RawSpinLock remote;
  std::atomic<M*> m{nullptr};
  P* idle_next = nullptr;  // guarded by Scheduler::lock
  bool idle = false;       // guarded by Scheduler::lock
  // Sysmon's. Not in the M, whose record may serve another thread while sysmon still looks at it.
  uint64_t tick_seen = 0;
  uint64_t seen_at = 0;      // ns
  uint64_t cpu_ns_seen = 0;  // of its M's thread

  alignas(64) TimerWheel timers;

  bool has_signal(uint32_t signal) const {
    return (signals.load(std::memory_order_relaxed) & signal) != 0;
  }
  void raise_attention() { signals.fetch_or(attention, std::memory_order_relaxed); }

  // A hint without the guard.
  bool has_work() const {
    return queue.size() != 0 || spawned.size() != 0 || runnext_set.load(std::memory_order_relaxed);
  }
};

// Counters that one writer bumps and others read.
inline void bump(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace sluice::runtime
