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
    if (tail == look_at_) [[unlikely]]
      make_room();
    slots_[tail & mask_] = g;
    tail_.store(tail + 1, std::memory_order_release);
    keep_in_register(g);
  }

  // Null when empty.
  G* pop_front() {
    uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_relaxed)) return nullptr;
    G* g = slots_[head & mask_];
    keep_in_register(g);
    head_.store(head + 1, std::memory_order_relaxed);
    return g;
  }
  G* pop_back() {
    uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_relaxed)) return nullptr;
    G* g = slots_[(tail - 1) & mask_];
    keep_in_register(g);
    tail_.store(tail - 1, std::memory_order_relaxed);
    return g;
  }

  // The n-th from the front or back, for prefetching; null when there are not that many.
  G* peek_front(uint32_t n) const {
    if (size() <= n) return nullptr;
    return slots_[(head_.load(std::memory_order_relaxed) + n) & mask_];
  }
  G* peek_back(uint32_t n) const {
    if (size() <= n) return nullptr;
    return slots_[(tail_.load(std::memory_order_relaxed) - 1 - n) & mask_];
  }

  // The ring, also what was in it before: for an observer to leave out.
  const void* memory() const { return slots_; }

  // Shows `visit(G*)` who is in it while its user stands still at any instruction. Who is on the
  // way in or out is in a register of that user's.
  template <class Visit>
  void visit_still(Visit visit) const {
    uint32_t tail = tail_.load(std::memory_order_relaxed);
    for (uint32_t i = head_.load(std::memory_order_relaxed); i != tail; ++i)
      visit(slots_[i & mask_]);
  }

  // Exact under the guard, a hint without it.
  uint32_t size() const {
    uint32_t head = head_.load(std::memory_order_relaxed);
    return tail_.load(std::memory_order_relaxed) - head;
  }

 private:
  // Up to here, and what is written to memory behind this is written later.
  static void keep_in_register(G* g) { asm volatile("" : : "r"(g) : "memory"); }

  // Doubles the ring when it is nearly full, and sets look_at_; head and tail stay as they are.
  void make_room();
  void grow();

  // Enough from the start that the first to push here, who pays for it, is not one who counts.
  static constexpr uint32_t initial_capacity = 256;

  G** slots_ = new G*[initial_capacity];
  uint32_t mask_ = initial_capacity - 1;  // the capacity, a power of two, less one
  // The tail at which there might be no room: at most a capacity after head. So that a push need
  // not ask where head is.
  uint32_t look_at_ = initial_capacity;
  std::atomic<uint32_t> head_{0};
  std::atomic<uint32_t> tail_{0};
};

}  // namespace sluice::runtime
