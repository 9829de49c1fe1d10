// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/g.h"

namespace sluice::runtime {

// A growing ring of goroutines: pushed at the back, popped at either end.
//
// Guard: its P's region or bar (region.h), so nothing here is synchronised; head and tail are
// atomics only because observers read size() without the guard, as a hint.
class RunQueue {
 public:
  RunQueue() = default;
  RunQueue(const RunQueue&) = delete;
  RunQueue& operator=(const RunQueue&) = delete;
  ~RunQueue() { delete[] slots_; }

  void push_back(G* g) {
    uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_relaxed) == capacity_) [[unlikely]]
      grow();
    slots_[tail & (capacity_ - 1)] = g;
    tail_.store(tail + 1, std::memory_order_release);
  }

  // Null when empty.
  G* pop_front() {
    uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_relaxed)) return nullptr;
    head_.store(head + 1, std::memory_order_relaxed);
    return slots_[head & (capacity_ - 1)];
  }
  G* pop_back() {
    uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_relaxed)) return nullptr;
    tail_.store(tail - 1, std::memory_order_relaxed);
    return slots_[(tail - 1) & (capacity_ - 1)];
  }

  // The n-th from the front or back, for prefetching; null when there are not that many.
  G* peek_front(uint32_t n) const {
    if (size() <= n) return nullptr;
    return slots_[(head_.load(std::memory_order_relaxed) + n) & (capacity_ - 1)];
  }
  G* peek_back(uint32_t n) const {
    if (size() <= n) return nullptr;
    return slots_[(tail_.load(std::memory_order_relaxed) - 1 - n) & (capacity_ - 1)];
  }

  // Exact under the guard, a hint without it.
  uint32_t size() const {
    uint32_t head = head_.load(std::memory_order_relaxed);
    return tail_.load(std::memory_order_relaxed) - head;
  }

 private:
  // Doubles the ring; head and tail stay as they are.
  void grow();

  G** slots_ = nullptr;
  uint32_t capacity_ = 0;  // a power of two, or 0
  std::atomic<uint32_t> head_{0};
  std::atomic<uint32_t> tail_{0};
};

}  // namespace sluice::runtime
