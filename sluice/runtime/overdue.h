// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "sluice/base/time.h"

namespace sluice::runtime {

// What a watchdog looks at all the time: cheap, and without stacks, which goroutines.h has.

// A goroutine that is on a thread. Two equal ones, seen at two moments, say that it has been there
// all the while: it computed, or was blocked in the kernel.
struct Turn {
  uint64_t goroutine = 0;  // its id
  uint32_t thread = 0;
  bool has_processor = false;
  // Switches of its processor; without one, times that the thread entered the runtime.
  uint64_t count = 0;

  friend bool operator==(const Turn&, const Turn&) = default;
};

// Of all threads. Callable from any thread at any time; a microsecond and some for each thread.
std::vector<Turn> current_turns();

// Whether some goroutine has waited for a Mutex or RWMutex since before `moment`. Such times are
// known to about 10 ms. Any thread at any time; takes some nanoseconds for each goroutine.
bool anyone_waits_for_lock_since(Instant moment);

}  // namespace sluice::runtime
