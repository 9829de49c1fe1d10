// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/run_queue.h"

namespace sluice::runtime {

// Growth instead of overflow into the global queue (Go's ring of 256): a burst of spawns stays
// local and cheap, and thieves take half of it whatever its length.
void RunQueue::grow() {
  uint32_t count = size();
  uint32_t capacity = (mask_ + 1) * 2;
  SLUICE_ASSERT(capacity != 0, "run queue: 2^32 runnable goroutines on one processor");
  G** slots = new G*[capacity];
  uint32_t head = head_.load(std::memory_order_relaxed);
  // head and tail stay as they are: push_back has already read tail.
  for (uint32_t i = head; i != head + count; ++i) slots[i & (capacity - 1)] = slots_[i & mask_];
  delete[] slots_;
  slots_ = slots;
  mask_ = capacity - 1;
}

// It grows from three quarters on, so that this is called once in a quarter's pushes at most.
void RunQueue::make_room() {
  if (size() >= (mask_ + 1) / 4 * 3) grow();
  look_at_ = head_.load(std::memory_order_relaxed) + mask_ + 1;
}

}  // namespace sluice::runtime
