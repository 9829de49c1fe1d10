// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "sluice/base/time.h"

namespace sluice::runtime {

// Waits with the same stack.
struct StackDelay {
  std::vector<uintptr_t> frames;  // return addresses, innermost first
  uint64_t count = 0;
  Duration delay{};
};

// What was counted since the process began, estimated from a sample (internal/wait_sampler.h): each
// P draws up to about a thousand waits of a kind in a second, all if there are fewer, and each
// counts for those that were passed over. Always on. Where waits of one kind are a million in a
// second, a rare long one among them may have been passed over: goroutines.h shows who waits now.
struct DelayProfile {
  std::vector<StackDelay> stacks;
  uint64_t others = 0;  // with stacks for which there was no more room
  Duration others_delay{};
};

// Where goroutines waited for others: for channels, in select, for locks and what else is in
// sync/. Not for time or descriptors, as in Go, nor threads that are no goroutines. A wait counts
// when it has ended. Callable from any thread at any time; allocates.
DelayProfile block_profile();

// What goroutines kept others waiting for locks: the stacks are those that unlocked, and the delay
// is how long he whom that woke had waited. Mutex and RWMutex; std::mutex is not seen.
DelayProfile mutex_profile();

}  // namespace sluice::runtime
