// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/base/function.h"
#include "sluice/base/time.h"

namespace sluice {

// How near the process is to its memory limit: SLUICE_MEMLIMIT, or 90 % of its cgroup's, whichever
// is nearer (RuntimeOptions::memory_limit_bytes). A level is left only when use has fallen well
// below the mark that it was entered at.
enum class MemoryPressure : uint8_t {
  none,
  moderate,  // from 80 % on: what is idle is given back
  critical,  // from 95 % on: whoever can, refuses new work
};

namespace runtime::internal {
extern constinit std::atomic<MemoryPressure> memory_pressure;
}  // namespace runtime::internal

// The level at the governor's last look, some milliseconds ago; `none` without a limit or a
// Runtime. One load: to be asked for each request. Any thread.
inline MemoryPressure memory_pressure() {
  return runtime::internal::memory_pressure.load(std::memory_order_relaxed);
}

// What the governor tells a MemoryListener.
struct MemoryNotice {
  MemoryPressure pressure = MemoryPressure::none;
  // SLUICE_POOLGC: a cache may hold idle so much of what is in use of its kind; unlimited: any.
  uint32_t idle_percent = unlimited;
  static constexpr uint32_t unlimited = UINT32_MAX;
};

// Has `hear` called when the pressure changes, again and again while it lasts (at most every 100
// ms), and once a second while the program is busy. So a cache of the program's own can take part:
//
//   MemoryListener listener{[&](MemoryNotice notice) {
//     if (notice.pressure != MemoryPressure::none) cache.drop_what_is_idle();
//   }};
//
// Under pressure it should give back what is idle; else what has been idle since the call before
// and is beyond idle_percent. Goroutines are told by a Channel's try_send.
// `hear` runs on a thread of the governor's, one listener after the other: it must not wait for
// long, as all others wait for it, and must not destroy its own listener.
// Thread-safety: made and destroyed anywhere; the destructor waits while `hear` runs.
class MemoryListener {
 public:
  explicit MemoryListener(Function<void(MemoryNotice)> hear);
  ~MemoryListener();
  MemoryListener(const MemoryListener&) = delete;
  MemoryListener& operator=(const MemoryListener&) = delete;

 private:
  friend struct MemoryListeners;

  const Function<void(MemoryNotice)> hear_;
  MemoryListener* next_ = nullptr;  // guarded by the list's lock, as is previous_
  MemoryListener* previous_ = nullptr;
};

// Figures of the governor. Those that only grow are counted from the start of the process.
struct MemoryStats {
  uint64_t limit_bytes = 0;  // the soft limit that is nearest; 0: there is none
  // What is held against it: of its cgroup, without the page cache that the kernel would drop
  // first, or the process's resident size. Without a limit: the latter.
  uint64_t used_bytes = 0;
  MemoryPressure pressure = MemoryPressure::none;
  uint64_t times_moderate = 0;  // that the level was entered, from below
  uint64_t times_critical = 0;
  uint64_t looks = 0;
  uint64_t drains = 0;          // of pools, stack caches and the allocator, under pressure
  Duration drain_time{};        // that they took
  uint64_t stacks_drained = 0;  // by them
  uint64_t stacks_trimmed = 0;  // by SLUICE_POOLGC
  uint64_t requests_shed = 0;   // by servers, under critical pressure
};

// Reads some files of /proc or the cgroup. Any thread.
MemoryStats memory_stats();

// For a server that has refused a request because of the pressure.
void count_shed_request();

}  // namespace sluice
