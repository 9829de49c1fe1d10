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
    const Waiter* nobody = winner_.load(std::memory_order_relaxed);
    if (nobody != nullptr) return false;  // as a rule it was served long ago
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
// owner's again as soon as `queued` reads false, with the lock or without.
// Go's sudog (runtime/runtime2.go) is the same thing, but allocated.
struct Waiter {
  // Nothing is set before it is needed, because a select has many nodes that never queue.
  Waiter* next;  // these three by WaitQueue::push()
  Waiter* previous;
  bool queued;  // written under the lock; by set_queued(), as the owner may look without it

  bool success;         // by who concludes: the value changed hands; false: woken by close
  SelectClaim* select;  // null: waits in this queue only
  runtime::G* g;
  void* element;  // receiver: room for a value; sender: the value

  void set_queued(bool value, std::memory_order order) {
    std::atomic_ref<bool>(queued).store(value, order);
  }
  // Acquire pairs with pop_claimed()'s release: false says that nobody will touch the node again.
  bool may_be_queued() { return std::atomic_ref<bool>(queued).load(std::memory_order_acquire); }
};

// The waiters of one side of a channel, first come first served. Guarded by the channel's lock.
class WaitQueue {
 public:
  bool empty() const { return first_ == nullptr; }

  void push(Waiter& waiter) {
    waiter.next = nullptr;
    waiter.previous = last_;
    waiter.set_queued(true, std::memory_order_relaxed);
    (last_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
  }

  void remove(Waiter& waiter) {
    (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
    (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
    waiter.set_queued(false, std::memory_order_relaxed);
  }

  // Takes out the first waiter that is not yet served elsewhere, and those before it that are.
  // A waiter of a select is claimed for the caller. Null: nobody is left.
  Waiter* pop_claimed() {
    while (Waiter* waiter = first_) {
      first_ = waiter->next;
      (first_ == nullptr ? last_ : first_->previous) = nullptr;
      if (waiter->select == nullptr || waiter->select->claim(waiter)) {
        waiter->set_queued(false, std::memory_order_relaxed);
        return waiter;
      }
      // The last touch: the owner may leave the frame that holds the node and its claim once it
      // sees this.
      waiter->set_queued(false, std::memory_order_release);
    }
    return nullptr;
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

}  // namespace sluice::internal
