// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>

#include "sluice/runtime/park.h"

namespace sluice::internal {

struct Waiter;

// One word in a select's frame that says which of its waiters was served; whoever sets it serves.
//
// Relaxed order is enough: what the claimer read of the waiter it read under the channel's lock
// (pairs with the enqueuer's unlock), and what it did reaches the select's owner by the wake-up.
class SelectClaim {
 public:
  // True: the caller, and nobody else, now owes `waiter`'s goroutine one wake-up.
  bool claim(const Waiter* waiter) {
    const Waiter* nobody = nullptr;
    return winner_.compare_exchange_strong(nobody, waiter, std::memory_order_relaxed);
  }

  const Waiter* winner() const { return winner_.load(std::memory_order_relaxed); }

 private:
  std::atomic<const Waiter*> winner_{nullptr};
};

// A goroutine (or thread) that waits in one queue of one channel. It lives on the waiter's stack.
//
// While `queued`, all fields are guarded by the channel's lock. Who takes it out of the queue (and,
// for a select, wins the claim) owns it until ready_sectioned(g): that call gives it back, and
// neither the node nor what it points to may be touched after it. A node that lost its claim is its
// owner's again as soon as the channel's lock is released.
// Go's sudog (runtime/runtime2.go) is the same thing, but allocated.
struct Waiter {
  // Set by WaitQueue::push(); not set before, because a select writes many nodes that never queue.
  Waiter* next;
  Waiter* previous;
  bool queued;

  bool success = false;           // the value changed hands; false: woken by close
  SelectClaim* select = nullptr;  // null: waits in this queue only
  runtime::G* g = nullptr;
  void* element = nullptr;  // receiver: room for a value; sender: the value
};

// The waiters of one side of a channel, first come first served. Guarded by the channel's lock.
class WaitQueue {
 public:
  bool empty() const { return first_ == nullptr; }

  void push(Waiter& waiter) {
    waiter.next = nullptr;
    waiter.previous = last_;
    waiter.queued = true;
    (last_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
  }

  void remove(Waiter& waiter) {
    (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
    (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
    waiter.queued = false;
  }

  // Takes out the first waiter that is not yet served elsewhere, and those before it that are.
  // A waiter of a select is claimed for the caller. Null: nobody is left.
  Waiter* pop_claimed() {
    while (Waiter* waiter = first_) {
      first_ = waiter->next;
      (first_ == nullptr ? last_ : first_->previous) = nullptr;
      waiter->queued = false;
      if (waiter->select == nullptr || waiter->select->claim(waiter)) return waiter;
    }
    return nullptr;
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

}  // namespace sluice::internal
